//! The model: everything that callers do, played with faults on the specification and on the real thing, which must
//! answer the same and come to hold the same.
//!
//! A [`Step`] is an act of a caller ([`Op`]) and what goes wrong with it ([`Fault`]). [`steps`] draws a list of them from
//! a seed; [`play()`] plays it on two [`Target`]s. The specification is an [`Edge`] on the store in memory. What is
//! compared with it: the same edge on an engine and a store of its own, and a server over HTTP and the socket.
//!
//! What counts as a failure: an answer that is not the one of the specification; after a start of the server and at the
//! end, anything that anybody sees (logs, cursors, chats, histories, messages) and the specification shows otherwise;
//! and a broken law ([`laws`]), whatever the specification says. The specification itself is played against the same
//! rules said plainly ([`Plain`]): what is wrong in the decisions that all stores share would show nowhere else.
//!
//! What does not: ids and secrets, since they are random; the words of an error, but for its code and fields; when a
//! device was last seen; and, of a call whose connection was cut while it was under way and which was asked for again,
//! whether it was the first or the second that did it.
//!
//! Where an answer was lost, a client never repeats a send without an idempotency key, nor a cursor that goes back: what
//! became of the first one is not known, and the second would be another one. The fault is the test's own, so that it always knows what happened.
//!
//! When a play fails, [`shrink`] takes out of it what is not needed, and prints the rest as Rust: a list that is given a
//! name among the regressions and stays. A seed dies with the next change of the generator; a list does not.

mod acts;
mod answer;
mod core;
mod directory;
mod draw;
mod draw_group;
mod draw_rest;
mod draw_watch;
mod edge;
mod edge_group;
mod edge_read;
mod edge_watch;
mod edge_write;
pub mod laws;
mod op;
mod plain;
mod plain_directory;
mod plain_group;
mod plain_keep;
mod plain_remind;
mod plain_rules;
mod plain_seen;
mod play;
mod poll;
mod session;
mod shrink;
mod target;

pub use acts::{act, begin, secret_of};
pub use answer::{Answer, GOOD, NOT_DONE, Names};
pub use core::{Core, Memory, START};
pub use directory::Act;
pub use draw::steps;
pub use edge::{Edge, start};
pub use edge_read::device_id;
pub use edge_write::receipt;
pub use op::{
    By, DESKS, EXTERNALS, Fault, GROUPS, Kinds, Made, Much, NOTHING, Op, PASSWORD, Place, Said,
    Step, Tag, To, ToGroup, USERS, step,
};
pub use plain::Plain;
pub use play::{Difference, Seen, play, see};
pub use session::{PROTOCOL, REVOKED, ack_puts, ack_seq};
pub use shrink::{shrink, to_rust};
pub use target::Target;
