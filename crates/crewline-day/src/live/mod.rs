//! The live view: one page, and the state of the day pushed to it twice a second. It asks no other host, and takes nothing.

mod serve;
mod state;

pub(crate) use serve::serve;
pub(crate) use state::{Pulse, SignIn, View};
