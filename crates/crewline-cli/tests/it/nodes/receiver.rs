//! The receiver of the desk's webhook: what it was posted, in which order, and by which node.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::cluster::{Addresses, Cluster};
use super::ledger::Ledger;
use super::load::DESK;
use crate::hook::{Hook, Post};
use crate::support::until;

/// See the module.
pub(crate) struct Receiver {
    hook: Hook,
}

/// What was posted so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posted {
    pub(crate) events: u64,
    /// Events that came again.
    pub(crate) again: usize,
    /// How often another node posted than the one before.
    pub(crate) turns: i64,
}

impl fmt::Display for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            again,
            turns,
        } = self;
        write!(
            f,
            "{events} posted, {again} again, {turns} times by another node"
        )
    }
}

impl Receiver {
    /// A receiver that sees which of the nodes posts, and a webhook of the desk to it.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let addresses = cluster.addresses.clone();
        let hook = Hook::start_with(move |port| poster(port, &addresses));
        cluster.run(&["webhook", "add", DESK, &hook.url("/"), "--json"]);
        Self { hook }
    }

    /// Waits until a message was posted that is sent from now on.
    pub(crate) fn goes_on(&self, ledger: &Ledger) {
        let before = ledger.memory().answered.len();
        ledger.wait("the desk is written to", |memory| {
            let mut since = memory.answered[before..].iter();
            since.any(|message| message.to.contains(&DESK))
        });
        let next = {
            let memory = ledger.memory();
            let mut since = memory.answered[before..].iter();
            let next = since.find(|message| message.to.contains(&DESK));
            next.unwrap().text.clone()
        };
        let posted = |post: &Post| post.text() == next;
        until("the webhook goes on", || {
            self.hook.posts().iter().any(posted)
        });
    }

    /// Waits until it was posted everything up to this event, and looks at all that came: the events of the log in its order,
    /// each at least once; what came again is the same.
    pub(crate) fn hold_to(&self, head: u64) -> Posted {
        until("the webhook is posted everything", || {
            let mut posts = self.hook.posts().into_iter().rev();
            posts.any(|post| post.json()["seq"].as_u64() >= Some(head))
        });
        let mut seen: BTreeMap<u64, Post> = BTreeMap::new();
        let (mut again, mut turns, mut last) = (0, 0, None);
        for post in self.hook.posts() {
            let seq = post.json()["seq"].as_u64().unwrap();
            if let Some(first) = seen.get(&seq) {
                assert_eq!((&first.id, &first.body), (&post.id, &post.body));
                again += 1;
            } else {
                assert_eq!(seq, seen.len() as u64 + 1, "a gap in what was posted");
            }
            // One that was killed before it could be looked at is nobody.
            turns += i64::from(last.is_some() && post.poster.is_some() && last != post.poster);
            last = post.poster.or(last);
            seen.insert(seq, post);
        }
        Posted {
            events: seen.len() as u64,
            again,
            turns,
        }
    }
}

/// Which of the processes has this end of a connection.
fn poster(port: u16, addresses: &Addresses) -> Option<u32> {
    let local = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.get(1) == Some(&local.as_str())).then(|| words.get(9).copied())?
    });
    let socket = format!("socket:[{}]", row?);
    let has = |process: &u32| {
        let files = std::fs::read_dir(format!("/proc/{process}/fd"));
        let mut files = files.into_iter().flatten().filter_map(Result::ok);
        files.any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&socket)))
    };
    addresses.processes().into_iter().find(has)
}
