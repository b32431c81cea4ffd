//! `GET /api/v1/socket`: commands and events in one connection.
//!
//! A session is a cursor on a log, like every way of telling: it reads on from where its device stands, and holds
//! nothing that is not in the store. It may end at any moment, and nothing is lost by it.
//!
//! **Invariant:** a session waits on its client only with what it has in its own bounded buffer; no other session, and
//! never the engine, waits for it.

mod acks;
mod command;
mod frame;
mod open;
mod session;
mod upgrade;
mod wire;

pub(crate) use frame::{Said, What, read as read_frame, read_hello};
pub(crate) use upgrade::{accept, get_socket};

pub(crate) use upgrade::__path_get_socket;
