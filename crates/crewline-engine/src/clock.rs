//! Time and randomness come in here, and nowhere else.

use std::sync::{Mutex, PoisonError};

use crewline_api::Timestamp;

/// Where time and random numbers come from.
pub trait Clock: Send + Sync + 'static {
    /// The server's time.
    fn now(&self) -> Timestamp;
    /// 64 random bits.
    fn random(&self) -> u64;
}

/// The machine's clock and the operating system's randomness.
///
/// Randomness is fetched in pieces: each message needs a little, and each fetch is a call of the kernel.
#[derive(Debug, Default)]
pub struct SystemClock;

/// Numbers that were fetched and not given out yet.
static FETCHED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Numbers fetched at once.
const PIECE: usize = 64;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everyone else takes the time from"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(since.as_millis() as i64)
    }

    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret and no id can be made: the machine is not fit to run"
    )]
    fn random(&self) -> u64 {
        let mut numbers = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // A number that was given out is gone from here: nobody gets it twice.
            if let Some(number) = numbers.pop() {
                return number;
            }
            let mut bytes = [0; PIECE * 8];
            getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
            numbers.extend(bytes.chunks_exact(8).map(|eight| {
                eight
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            }));
        }
    }
}
