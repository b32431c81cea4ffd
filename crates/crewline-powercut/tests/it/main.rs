//! The power is cut at moments drawn from a seed, and what the disk may hold then is held against every promise.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod cuts;
mod kept;
mod layer;
mod ledger;
mod promise;
mod restored;
mod work;
