//! What is measured: a system that carries messages, seen by those who send and those who receive. The works are
//! written over this alone; everything that differs is behind it.

use std::path::{Path, PathBuf};

use crate::fault::Done;
use crate::works::Work;

/// What stands beside the figures of a system.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Facts {
    /// What the row is called.
    pub(crate) name: String,
    /// As the program says it.
    pub(crate) version: String,
    /// What is durable when, in a few words.
    pub(crate) durability: String,
}

/// What the systems are told of the run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The program `crewline`.
    pub(crate) crewline: PathBuf,
}

/// For whom a system is made ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    /// Users have the numbers from 0 on. Each is known to the system, and what is sent to one who was never connected waits.
    pub(crate) users: usize,
    /// Senders have the numbers from 0 on.
    pub(crate) senders: usize,
}

/// A system that runs, in a folder and on ports of its own. What it started ends when it is dropped.
pub(crate) trait System: Sized + Send + Sync + 'static {
    type Sender: Sender;
    type Receiver: Receiver;

    /// Whether what was accepted must be there after `kill -9`. Where it must, a message that was lost, or that came
    /// twice, fails the run; else it is a figure.
    const KEEPS: bool;

    /// What it is. Fails where it is not installed.
    fn facts(settings: &Settings) -> Done<Facts>;
    /// Why a work cannot be done with it, in words for a footnote.
    fn cannot(_work: Work) -> Option<&'static str> {
        None
    }
    /// What there is to know of how a work is done with it: a footnote too.
    fn note(_work: Work) -> Option<&'static str> {
        None
    }
    /// Starts it in an empty folder, and makes the users. Returns when it takes connections.
    fn start(
        settings: &Settings,
        folder: &Path,
        crowd: Crowd,
    ) -> impl Future<Output = Done<Self>> + Send;
    /// The processes that it has started itself: what they use, and those that these have started, is counted.
    fn processes(&self) -> Vec<u32>;
    /// `kill -9` of every process at once.
    fn kill(&mut self) -> impl Future<Output = Done> + Send;
    /// Starts it again on what is there, at the same ports, and returns when it takes connections.
    fn start_again(&mut self) -> impl Future<Output = Done> + Send;
    /// Connects a sender who has up to so many messages under way.
    fn sender(
        &self,
        no: usize,
        in_flight: usize,
    ) -> impl Future<Output = Done<Self::Sender>> + Send;
    /// Connects the device of a user. What waits for it comes.
    fn receiver(&self, no: usize) -> impl Future<Output = Done<Self::Receiver>> + Send;
}

/// What a sender hears of a message of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The system has it, as durably as it promises.
    Accepted(u64),
    /// A device has confirmed it, and the system (or the device by its means) has told so: once for each recipient.
    Receipt(u64),
}

/// A sender's connection, or its connections.
pub(crate) trait Sender: Send + 'static {
    /// Puts a message of 200 bytes ([`crate::text`]) into what is to be said; nothing is written before the next
    /// [`Sender::hear`]. `to` has one user, but in the work of the emergency. Where a system has no message to many, it
    /// is one for each of them, and is accepted when all are.
    fn send(&mut self, no: u64, to: &[usize], urgency: Urgency);
    /// Writes what is to be said, waits until something comes, and tells it. Receipts may come before their message is
    /// accepted.
    ///
    /// # Cancellation
    /// Nothing is lost that came.
    fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> impl Future<Output = Done> + Send;
}

/// How much a message matters. Systems that know no such thing make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Usual,
    Emergency,
}

/// The connection of a user's device.
pub(crate) trait Receiver: Send + 'static {
    /// Waits until something comes, and adds the numbers of the messages that did. There may be none: a heartbeat, an
    /// answer; heartbeats are answered here.
    ///
    /// # Cancellation
    /// Nothing is lost that came.
    fn hear(&mut self, came: &mut Vec<u64>) -> impl Future<Output = Done> + Send;
    /// Confirms everything that came, so that it is not sent again, and so that its senders have their receipts.
    fn confirm(&mut self) -> impl Future<Output = Done> + Send;
}
