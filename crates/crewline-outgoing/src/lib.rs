//! Calls that a server makes by itself, to a URL that somebody else chose: webhooks and push.
//!
//! An [`Outgoing`] says which addresses may be called and whom to trust; a [`Poster`] posts one body after the other to one URL.
//!
//! **Invariant:** no request goes to an address that was not checked. No redirect is followed, no proxy is asked, no cookie is
//! kept. What stands in a URL behind its host may be a secret, and is never logged.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod address;
#[doc(hidden)]
pub mod fuzzing;
mod outgoing;
mod pace;
mod post;
mod tls;

pub use hyper::header;
pub use outgoing::Outgoing;
pub use pace::Pace;
pub use post::{Answer, Poster};
