//! How often a wrong password may be tried: counted for each user and each address, over the last minute.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crewline_api::{ParticipantId, Timestamp};

use crate::proxy::counted;

/// Over which time wrong passwords count.
const WINDOW_MS: i64 = 60_000;
/// Most users and addresses that are remembered. When there are more, the one that was quiet longest is forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// For whom wrong passwords are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Tried {
    /// The user whose password was tried, existing or not.
    User(ParticipantId),
    /// Where the attempt came from, as it is counted.
    Address(IpAddr),
}

impl Tried {
    /// An address as it is counted.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(counted(address))
    }
}

/// Counts wrong passwords.
pub(crate) struct Throttle {
    max: usize,
    wrong: Mutex<HashMap<Tried, VecDeque<Timestamp>>>,
}

impl Throttle {
    /// Lets so many wrong passwords pass in a minute; at least one.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            max: per_minute.max(1) as usize,
            wrong: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tried, VecDeque<Timestamp>>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another attempt may be made.
    ///
    /// # Errors
    /// Seconds until it may.
    pub(crate) fn check(&self, tried: &[Tried], now: Timestamp) -> Result<(), u32> {
        let mut wrong = self.lock();
        let waits = tried.iter().filter_map(|tried| {
            let times = wrong.get_mut(tried)?;
            forget(times, now);
            (times.len() >= self.max).then(|| {
                times
                    .front()
                    .map_or(0, |first| first.as_millis() + WINDOW_MS - now.as_millis())
            })
        });
        waits.max().map_or(Ok(()), |wait_ms| {
            Err(u32::try_from(wait_ms.max(1).div_euclid(1000) + 1)
                .unwrap_or(60)
                .min(60))
        })
    }

    /// Counts a wrong password.
    pub(crate) fn count(&self, tried: Vec<Tried>, now: Timestamp) {
        let mut wrong = self.lock();
        for tried in tried {
            if wrong.len() >= REMEMBERED_MAX && !wrong.contains_key(&tried) {
                make_room(&mut wrong, now);
            }
            let times = wrong.entry(tried).or_default();
            forget(times, now);
            times.push_back(now);
            // More than the limit is told by the limit's worth of the latest.
            while times.len() > self.max {
                times.pop_front();
            }
        }
    }
}

fn forget(times: &mut VecDeque<Timestamp>, now: Timestamp) {
    while times
        .front()
        .is_some_and(|first| first.as_millis() + WINDOW_MS <= now.as_millis())
    {
        times.pop_front();
    }
}

fn make_room(wrong: &mut HashMap<Tried, VecDeque<Timestamp>>, now: Timestamp) {
    wrong.retain(|_, times| {
        forget(times, now);
        !times.is_empty()
    });
    if wrong.len() >= REMEMBERED_MAX {
        let quiet = wrong
            .iter()
            .min_by_key(|(_, times)| times.back().copied())
            .map(|(tried, _)| tried.clone());
        if let Some(quiet) = quiet {
            wrong.remove(&quiet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Tried {
        Tried::User(ParticipantId::new(name).unwrap())
    }

    #[test]
    fn ten_wrong_passwords_in_a_minute_are_let_through_and_then_one_waits() {
        let throttle = Throttle::new(10);
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        for second in 0..10 {
            assert_eq!(throttle.check(&[user("a")], at(second)), Ok(()));
            throttle.count(vec![user("a")], at(second));
        }
        assert_eq!(throttle.check(&[user("a")], at(10)), Err(51));
        assert_eq!(throttle.check(&[user("b")], at(10)), Ok(()));
        assert_eq!(throttle.check(&[user("b"), user("a")], at(59)), Err(2));
        assert_eq!(throttle.check(&[user("a")], at(60)), Ok(()));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let throttle = Throttle::new(1);
        for n in 0..=REMEMBERED_MAX {
            throttle.count(
                vec![user(&format!("u{n}"))],
                Timestamp::from_millis(n as i64),
            );
        }
        assert_eq!(throttle.lock().len(), REMEMBERED_MAX);
        assert_eq!(
            throttle.check(&[user("u0")], Timestamp::from_millis(20_000)),
            Ok(())
        );
        assert!(
            throttle
                .check(&[user("u1")], Timestamp::from_millis(20_000))
                .is_err()
        );
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let tried = |text: &str| Tried::address(text.parse().unwrap());
        assert_eq!(tried("2001:db8:1:2::3"), tried("2001:db8:1:2:ffff::1"));
        assert_ne!(tried("2001:db8:1:2::3"), tried("2001:db8:1:3::3"));
        assert_eq!(tried("::ffff:192.0.2.1"), tried("192.0.2.1"));
        assert_ne!(tried("192.0.2.1"), tried("192.0.2.2"));
    }
}
