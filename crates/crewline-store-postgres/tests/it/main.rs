//! Tests of the PostgreSQL store, on a real PostgreSQL that they start, through what it gives to others.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod away;
mod beside;
mod bus;
mod check;
mod conformance;
mod copy;
mod failover;
mod proxy;
mod support;
