//! Time and randomness come in here, and nowhere else.

use crewline_api::Timestamp;

/// Where time and random numbers come from.
pub trait Clock: Send + Sync + 'static {
    /// The server's time.
    fn now(&self) -> Timestamp;
    /// 64 random bits.
    fn random(&self) -> u64;
}

/// The machine's clock and the operating system's randomness.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(since.as_millis() as i64)
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        // Without randomness no secret and no id can be made: the machine is not fit to run.
        getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
        u64::from_ne_bytes(bytes)
    }
}
