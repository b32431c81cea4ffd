//! The numbers by which stores keep what has a few values.
//!
//! `crewline migrate` carries them from one kind of store into the other as they are: so they stand here, once, and none
//! ever gets another meaning.

use crewline_api::{ReceiptState, Role, Timestamp, TokenKind};

use crate::ParticipantNo;
use crate::directory::TokenOwner;
use crate::keep::Holder;
use crate::state::{Mark, RecipientRow, Standing};

/// A value that stores keep as a number.
pub trait Code: Sized {
    /// The number.
    fn code(self) -> i16;

    /// The value of a number; `None` where no version has ever written it.
    fn from_code(code: i64) -> Option<Self>;
}

macro_rules! codes {
    ($type:ident: $($name:ident = $code:literal),+) => {
        impl Code for $type {
            fn code(self) -> i16 {
                match self { $($type::$name => $code,)+ }
            }

            fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some($type::$name),)+ _ => None }
            }
        }
    };
}

codes!(Standing: Expected = 0, User = 1, External = 2);
codes!(Role: Crew = 0, Dispatcher = 1, Administrator = 2);
codes!(ReceiptState: Accepted = 0, Delivered = 1, Read = 2, Acknowledged = 3);
codes!(TokenKind: Administration = 0, User = 1, External = 2);

impl TokenOwner {
    /// Of which kind its tokens are.
    pub fn kind(&self) -> TokenKind {
        match self {
            Self::User(_) => TokenKind::User,
            Self::Externals(_) => TokenKind::External,
            Self::Administration => TokenKind::Administration,
        }
    }
}

impl Holder {
    /// The number by which stores keep it: that of the participant, or 0.
    pub fn code(self) -> i64 {
        match self {
            Self::Emergency => 0,
            Self::Log(no) => no.0,
        }
    }

    /// The holder of a number.
    pub fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Emergency,
            no => Self::Log(ParticipantNo(no)),
        }
    }
}

/// The bit of `implied` that says so of delivered, and that of read.
const IMPLIED: [i16; 2] = [1, 2];

/// When a state was reached, by the server's time and by what the device said.
pub type Reached = Option<(Timestamp, Option<Timestamp>)>;

impl RecipientRow {
    /// Which of the states are implied, as one number.
    pub fn implied_code(&self) -> i16 {
        let [delivered, read] = IMPLIED;
        let bit = |mark: Option<Mark>, bit| {
            if mark.is_some_and(|mark| mark.implied) {
                bit
            } else {
                0
            }
        };
        bit(self.delivered, delivered) | bit(self.read, read)
    }

    /// From what a store keeps: when it was delivered, read and acknowledged, and the number of what is implied.
    pub fn from_kept([delivered, read, acknowledged]: [Reached; 3], implied: i64) -> Self {
        let [of_delivered, of_read] = IMPLIED.map(|bit| implied & i64::from(bit) != 0);
        let mark = |reached: Reached, implied| {
            let (at, said_at) = reached?;
            Some(Mark {
                at,
                said_at,
                implied,
            })
        };
        Self {
            delivered: mark(delivered, of_delivered),
            read: mark(read, of_read),
            acknowledged: mark(acknowledged, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn keep_their_numbers<T: Code + Copy + PartialEq + Debug>(values: &[T]) {
        for (code, value) in values.iter().enumerate() {
            assert_eq!(usize::try_from(value.code()), Ok(code));
            assert_eq!(T::from_code(code as i64), Some(*value));
        }
        assert_eq!(T::from_code(values.len() as i64), None);
        assert_eq!(T::from_code(-1), None);
    }

    #[test]
    fn each_value_keeps_its_number() {
        keep_their_numbers(&[Standing::Expected, Standing::User, Standing::External]);
        keep_their_numbers(&[Role::Crew, Role::Dispatcher, Role::Administrator]);
        keep_their_numbers(&[
            TokenKind::Administration,
            TokenKind::User,
            TokenKind::External,
        ]);
        keep_their_numbers(&[
            ReceiptState::Accepted,
            ReceiptState::Delivered,
            ReceiptState::Read,
            ReceiptState::Acknowledged,
        ]);
        for holder in [Holder::Emergency, Holder::Log(ParticipantNo(7))] {
            assert_eq!(Holder::from_code(holder.code()), holder);
        }
        assert_eq!(Holder::Emergency.code(), 0);
    }

    #[test]
    fn what_became_of_a_message_reads_back_as_it_was_kept() {
        let at = |millis| Timestamp::from_millis(millis);
        let reached = [
            Some((at(1), Some(at(9)))),
            Some((at(2), None)),
            Some((at(3), None)),
        ];
        for (implied, code) in [
            ((false, false), 0),
            ((true, false), 1),
            ((false, true), 2),
            ((true, true), 3),
        ] {
            let row = RecipientRow::from_kept(reached, code);
            let marks = (row.delivered.unwrap(), row.read.unwrap());
            assert_eq!((marks.0.implied, marks.1.implied), implied);
            assert_eq!(marks.0.said_at, Some(at(9)));
            assert_eq!(row.acknowledged.map(|mark| mark.at), Some(at(3)));
            assert_eq!(i64::from(row.implied_code()), code);
        }
        assert_eq!(
            RecipientRow::from_kept([None; 3], 0),
            RecipientRow::default()
        );
    }
}
