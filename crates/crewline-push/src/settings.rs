//! How pushes go out.

use std::time::Duration;

use crewline_api::Priority;
use crewline_outgoing::{Outgoing, Pace};

/// For how long a push service keeps a push for a device that is not there; and for how long it is tried to reach the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lives {
    /// That of an emergency.
    pub emergency: Duration,
    /// That of what stays until it is closed.
    pub sticky: Duration,
    /// That of what passes.
    pub fleeting: Duration,
}

impl Lives {
    /// That of a message.
    pub(crate) fn of(self, priority: Priority) -> Duration {
        match priority {
            Priority::Emergency => self.emergency,
            Priority::Sticky => self.sticky,
            Priority::Fleeting => self.fleeting,
        }
    }
}

/// How pushes go out.
#[derive(Clone)]
pub struct Settings {
    /// Which addresses may be called, and whom to trust.
    pub outgoing: Outgoing,
    /// Whom a push service may write to: `mailto:` or `https:`. Empty: the origin of the app, where that is https.
    pub contact: String,
    /// How long a device that is there has to store a message before it is pushed.
    pub after: Duration,
    /// The same of an emergency.
    pub emergency_after: Duration,
    /// After how long an emergency is pushed again, and again after as long.
    pub repeat_emergency: Duration,
    /// How long pushes live.
    pub lives: Lives,
    /// How long is waited between tries.
    pub pace: Pace,
}

/// How often an emergency is pushed again.
pub(crate) const REPEATS_MAX: i64 = 10;

impl Settings {
    /// How long a device has to store a message.
    pub(crate) fn delay(&self, priority: Priority) -> Duration {
        if priority == Priority::Emergency {
            self.emergency_after
        } else {
            self.after
        }
    }
}
