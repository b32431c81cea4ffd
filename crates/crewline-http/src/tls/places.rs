//! Places for handshakes: so many in all, and so many for one address, so that nobody can take those of the others.
//!
//! Whoever waits for a place of its own address holds none of the others'. Who counts as one address is said by
//! [`counted`]; an address without a bound of its own is one behind which many stand.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::proxy::counted;

/// Handshakes under way at once: each is work for a core, and may hold up to 64 KiB.
const AT_ONCE: usize = 1024;
/// Of them, those of one address. A storm of phones behind one address takes its turn: a handshake is done in a round
/// trip or two.
const OF_ONE: usize = 64;

/// Counts handshakes.
pub(super) struct Places {
    free: Semaphore,
    /// Addresses with handshakes under way, or waiting: never more than there are connections.
    addresses: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            free: Semaphore::new(AT_ONCE),
            addresses: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        // Nothing under this lock panics half-way through a change.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, first among those of the same address, then among all. `None` is a proxy that is trusted:
    /// whoever stands behind it is not known before the handshake, and one of them must not hold up the others more than
    /// it has to. All places are open to it.
    pub(super) async fn take(&self, address: Option<IpAddr>) -> Place<'_> {
        let own = match address {
            Some(address) => Some(self.own(counted(address)).await),
            None => None,
        };
        // Nobody closes it; and without it there would be no bound, not no place.
        let one = self.free.acquire().await.ok();
        Place {
            _one: one,
            _own: own,
        }
    }

    async fn own(&self, address: IpAddr) -> Own<'_> {
        let places = {
            let mut addresses = self.lock();
            let places = addresses.entry(address);
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))))
        };
        // From here on it is given back, also where the wait is given up.
        let mut own = Own {
            of: self,
            address,
            places,
            taken: false,
        };
        if let Ok(place) = own.places.acquire().await {
            place.forget();
            own.taken = true;
        }
        own
    }
}

/// A place; dropping it gives it back.
pub(super) struct Place<'a> {
    _one: Option<SemaphorePermit<'a>>,
    _own: Option<Own<'a>>,
}

/// One of an address, or the wait for one.
struct Own<'a> {
    of: &'a Places,
    address: IpAddr,
    places: Arc<Semaphore>,
    taken: bool,
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let mut addresses = self.of.lock();
        if self.taken {
            self.places.add_permits(1);
        }
        // The map's and this one: clones are made under the lock, so nobody else is about to wait.
        if Arc::strong_count(&self.places) == 2 {
            addresses.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn take(places: &Places, from: impl Into<Option<IpAddr>>, count: usize) -> Vec<Place<'_>> {
        let from = from.into();
        let taken = (0..count).map_while(|_| places.take(from).now_or_never());
        taken.collect()
    }

    #[test]
    fn one_address_takes_no_more_than_its_share_and_the_next_place_is_its_own() {
        let places = Places::new();
        let mut held = take(&places, address("192.0.2.1"), 2_000);
        assert_eq!(held.len(), OF_ONE);
        let mut waiting = Box::pin(places.take(Some(address("::ffff:192.0.2.1"))));
        assert!(waiting.as_mut().now_or_never().is_none());
        let other = take(&places, address("192.0.2.2"), 2_000);
        assert_eq!(other.len(), OF_ONE);
        assert!(waiting.as_mut().now_or_never().is_none());
        held.pop();
        assert!(waiting.now_or_never().is_some());
        drop((held, other));
        assert!(places.lock().is_empty(), "whoever has gone is forgotten");
        assert_eq!(places.free.available_permits(), AT_ONCE);
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_nothing_behind() {
        let places = Places::new();
        let held = take(&places, address("2001:db8::1"), OF_ONE);
        let mut waiting = Box::pin(places.take(Some(address("2001:db8::2"))));
        assert!(waiting.as_mut().now_or_never().is_none(), "one network");
        drop(held);
        drop(waiting);
        assert!(places.lock().is_empty());
        assert_eq!(take(&places, address("2001:db8::3"), 2_000).len(), OF_ONE);
    }

    #[test]
    fn all_addresses_together_and_a_trusted_proxy_take_no_more_than_there_are() {
        let places = Places::new();
        let through_proxy = take(&places, None, 1_000);
        assert_eq!(through_proxy.len(), 1_000);
        assert_eq!(take(&places, address("192.0.2.1"), 2_000).len(), 24);
        let rest = take(&places, None, 2_000);
        assert_eq!(rest.len(), AT_ONCE - 1_000);
        assert!(take(&places, address("192.0.2.1"), 1).is_empty());
    }
}
