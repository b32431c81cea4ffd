//! The library, as those who embed it use it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod embedded;
