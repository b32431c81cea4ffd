//! Crewline over HTTP: REST, long poll and server-sent events, on an [`Engine`](crewline_engine::Engine).
//!
//! It owns what is particular to HTTP: who calls ([`password`]s, sessions, tokens, cookies and their `Origin`), the
//! reading of requests into commands, problem documents, and the description of it all in OpenAPI.
//!
//! **Invariant:** nothing is decided here. A request becomes a command or a reading of the engine, and its answer
//! becomes JSON. Whoever is not allowed to act so is refused before the engine hears of it.
//!
//! To add a call: a handler in the file of its noun, with its `#[utoipa::path]`, a line in `router.rs`, and one in `who.rs`
//! that says who may call it. What it refuses is written down by a `refusals!` list beside it, so that the description
//! never lags behind.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod acting;
mod admin;
mod answer;
mod app;
mod asyncapi;
mod audit;
mod auth;
mod body;
mod browser;
mod chat;
mod cookie;
mod cursor;
mod desk;
mod directory;
mod docs;
mod event;
mod fault;
mod fields;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod id;
mod json;
mod live;
mod me;
mod message;
mod openapi;
mod ops;
mod organisation;
mod origin;
pub mod password;
mod people;
mod problem;
mod proxy;
mod push;
mod query;
mod reach;
mod receipt;
mod refusals;
mod reminder;
mod request;
mod room;
mod router;
mod search;
mod seen;
mod serve;
mod session;
mod socket;
mod stalled;
mod story;
mod stream;
mod text;
mod throttle;
pub mod tls;
mod viewers;
mod watcher;
mod web;
mod webhook;
mod who;

pub use admin::Administration;
pub use app::{App, MetricsRenderer, Settings};
pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use organisation::{organisation_part, whole as organisation};
pub use push::Pushes;
pub use router::router;
pub use serve::{serve, serve_tls};
pub use story::csv as story_csv;
pub use webhook::WebhookTrial;
