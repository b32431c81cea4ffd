//! The payloads of the day: bytes that follow from the seed, so that whoever gets one back knows whether it is the right one.

use crate::cast::{Cast, Who};
use crate::dice::Dice;
use crate::ledger::{ForWhom, Reference, State};

const AREA: u64 = 1_000;
const DESKS: u64 = 2_000;

/// For whom a payload was given along, as a number.
pub(crate) fn place(who: Who, of: ForWhom) -> u64 {
    match of {
        ForWhom::Each => u64::from(who),
        ForWhom::Groups if Cast::is_desk(who) => DESKS,
        ForWhom::Groups => AREA + Cast::area_of(who) as u64,
    }
}

/// The place of an area's group; without one, of the desks'.
pub(crate) fn place_of_group(area: Option<usize>) -> u64 {
    area.map_or(DESKS, |area| AREA + area as u64)
}

/// What comes back from that place when it has come to this state. Any bytes; never empty.
pub(crate) fn payload(seed: u64, reference: Reference, place: u64, state: State) -> Vec<u8> {
    let mut dice = Dice::of(seed ^ place, 2 + state as u64, reference.into());
    let length = 1 + dice.below(160);
    (0..length).map(|_| dice.bits() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_each_state_and_each_message_has_a_payload_of_its_own() {
        let all = [
            payload(7, 1, 3, State::Delivered),
            payload(7, 1, 3, State::Read),
            payload(7, 1, 4, State::Delivered),
            payload(7, 2, 3, State::Delivered),
        ];
        assert_eq!(all[0], payload(7, 1, 3, State::Delivered));
        for (at, one) in all.iter().enumerate() {
            assert!(!one.is_empty() && all[..at].iter().all(|other| other != one));
        }
    }
}
