//! The limit of open files: each connection is one, and the usual limit of 1,024 would end a server with a thousand of them.
//!
//! The soft limit is for programs that use `select`, and may be raised to the hard one by anybody; the hard one is the
//! administrator's, and is left alone.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is asked for where the hard limit is none at all: some systems refuse more.
const UNLIMITED: u64 = 10_240;

/// The most files that this process may have open, once [`raise`] was called.
pub(crate) fn most() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(UNLIMITED)
}

/// Raises the soft limit to the hard one; returns how many files may be open now.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: Some(most()),
        maximum: limit.maximum,
    };
    if limit.current.is_some_and(|now| now < most())
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
