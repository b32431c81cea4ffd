//! The edge as its callers see it: a server on a real socket, the store in memory, and a client of HTTP/1.1.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod admin;
mod asyncapi;
mod bad_message;
mod bad_request;
mod bad_value;
mod browser;
mod call;
mod chat;
mod cursor;
mod desk;
mod docs;
mod event;
mod fuzz;
mod group;
mod message;
mod metrics;
mod model;
mod organisation;
mod origin;
mod reach;
mod receipt;
mod reminder;
mod rig;
mod rights;
mod search;
mod serve;
mod session;
mod socket;
mod story;
mod stream;
mod tls;
mod watcher;
mod web;
mod webhook;
mod who;
mod wire;
