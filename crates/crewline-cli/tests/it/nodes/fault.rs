//! What goes wrong in a round, and when it ends: never by the clock of this test, always when what it is about was seen.

use std::fmt;
use std::time::Duration;

use crewline_testkit::Random;
use crewline_testkit::wire::Last;

use super::cluster::{Cluster, NODES};
use super::load::Load;
use super::receiver::Receiver;
use crate::support::until;

/// How many messages are to be taken while a fault lasts.
const MEANWHILE: usize = 30;
/// How late everything is on a slow wire, each way.
const LATE: Duration = Duration::from_millis(15);

/// What is said in the transaction of a batch of commands, and in no other: the name under which every message is sent.
const BATCH: &str = super::load::SENDER_NAME;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A node is killed and started again.
    Kill(usize),
    /// A node stands still for longer than its leases, and goes on.
    Pause(usize),
    /// NATS is stopped and started.
    Nats,
    /// The database is ended at once, and started.
    Database,
    /// Between a node and the database every connection breaks, and none is made.
    Cut(usize),
    /// The same in the middle of a batch's commit, and at once it is over: whoever waits for an answer gets it.
    Glitch(usize, Last),
    /// Between a node and the database nothing passes, and nobody is told.
    Silence(usize),
    /// Between a node and the database everything is late.
    Delay(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node) => write!(f, "node {node} killed"),
            Self::Pause(node) => write!(f, "node {node} paused"),
            Self::Nats => write!(f, "NATS stopped"),
            Self::Database => write!(f, "the database restarted"),
            Self::Cut(node) => write!(f, "node {node} cut off the database"),
            Self::Glitch(node, Last::Arrives) => {
                write!(f, "answer to a commit of node {node} lost")
            }
            Self::Glitch(node, Last::IsLost) => write!(f, "commit of node {node} lost"),
            Self::Silence(node) => write!(f, "silence between node {node} and the database"),
            Self::Delay(node) => write!(f, "node {node} far from the database"),
        }
    }
}

/// Which faults come: each kind once, in an order that is drawn, and then again.
pub(crate) struct Rotation {
    left: Vec<Fault>,
}

impl Rotation {
    pub(crate) fn new() -> Self {
        Self { left: Vec::new() }
    }

    pub(crate) fn next(&mut self, random: &mut Random) -> Fault {
        if self.left.is_empty() {
            self.left = vec![
                Fault::Kill(random.below(NODES)),
                Fault::Pause(random.below(NODES)),
                Fault::Nats,
                Fault::Database,
                Fault::Cut(random.below(NODES)),
                Fault::Glitch(random.below(NODES), Last::Arrives),
                Fault::Glitch(random.below(NODES), Last::IsLost),
                Fault::Silence(random.below(NODES)),
                Fault::Delay(random.below(NODES)),
            ];
        }
        self.left.swap_remove(random.below(self.left.len()))
    }
}

impl Fault {
    /// Happens, and ends.
    pub(crate) fn happen(self, cluster: &mut Cluster, load: &Load, receiver: &Receiver) {
        let ledger = &load.ledger;
        // Others go on without a node: messages are taken, and its leases are held by somebody else.
        let others_go_on = |cluster: &Cluster| {
            until("the node is believed to be away", || {
                cluster.heard_of() == NODES - 1
            });
            ledger.grow(MEANWHILE);
            receiver.goes_on(ledger);
        };
        match self {
            Self::Kill(node) => {
                let server = cluster.nodes[node].server.take().unwrap();
                server.process.signal("-KILL");
                server.process.end();
                others_go_on(cluster);
                cluster.start_node(node);
            }
            Self::Pause(node) => {
                cluster.server(node).process.signal("-STOP");
                others_go_on(cluster);
                cluster.server(node).process.signal("-CONT");
            }
            Self::Nats => {
                cluster.nats.stop();
                ledger.grow(MEANWHILE);
                receiver.goes_on(ledger);
                cluster.nats.run();
                cluster.bus_is_there();
            }
            Self::Database => {
                cluster.postgres.kill();
                for node in 0..NODES {
                    until("the node says that its store is away", || {
                        cluster.is_ready(node) == Some(false)
                    });
                }
                cluster.postgres.start_again();
            }
            Self::Glitch(node, last) => {
                let wire = &cluster.nodes[node].wire;
                wire.cut_at_commit(BATCH, last);
                until("a commit breaks", || wire.is_cut());
                wire.mend();
                ledger.grow(MEANWHILE);
            }
            Self::Cut(node) => {
                cluster.nodes[node].wire.cut();
                until("the node says that its store is away", || {
                    cluster.is_ready(node) == Some(false)
                });
                others_go_on(cluster);
                cluster.nodes[node].wire.mend();
            }
            Self::Silence(node) => {
                cluster.nodes[node].wire.silence();
                others_go_on(cluster);
                cluster.nodes[node].wire.mend();
            }
            Self::Delay(node) => {
                cluster.nodes[node].wire.delay(LATE);
                ledger.grow(MEANWHILE);
                cluster.nodes[node].wire.mend();
            }
        }
    }
}
