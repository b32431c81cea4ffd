//! What is measured: one file for each system, with its protocol beside it where that is more than a few lines.

#[cfg(test)]
mod conformance;
mod crewline;
mod crewline_sender;
mod crewline_wire;
mod ejabberd;
mod frame;
mod http;
mod mosquitto;
mod mqtt;
mod nats;
mod nats_wire;
mod plain_user;
mod postgres;
mod redis;
mod resp;
mod stanza;
mod xmpp;

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::fault::Done;
use crate::figures::Figures;
use crate::system::{Facts, Settings, System};
use crate::works::{self, Sizes, Work};

/// The systems by the names that the command line has for them, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// Crewline on SQLite, messages sent by HTTP
    Crewline,
    /// The same, messages sent on the control system's socket
    CrewlineSocket,
    /// NATS JetStream, messages stored before they are accepted
    Nats,
    /// The same, receipts stored too before the sender hears of them
    NatsStored,
    /// Redis streams, appendfsync always
    Redis,
    /// ejabberd with receipts, stream management and archive, on PostgreSQL
    Ejabberd,
    /// Mosquitto, QoS 1 with persistence
    Mosquitto,
}

/// Does the same with whichever system has this name.
macro_rules! with {
    ($name:expr, $function:ident $arguments:tt) => {
        match $name {
            Name::Crewline => $function::<crewline::Crewline<crewline::ByHttp>> $arguments,
            Name::CrewlineSocket => $function::<crewline::Crewline<crewline::BySocket>> $arguments,
            Name::Nats => $function::<nats::Nats<false>> $arguments,
            Name::NatsStored => $function::<nats::Nats<true>> $arguments,
            Name::Redis => $function::<redis::Redis> $arguments,
            Name::Ejabberd => $function::<ejabberd::Ejabberd> $arguments,
            Name::Mosquitto => $function::<mosquitto::Mosquitto> $arguments,
        }
    };
}

impl Name {
    /// What it is. Fails where it is not installed.
    pub(crate) fn facts(self, settings: &Settings) -> Done<Facts> {
        with!(self, facts(settings))
    }

    /// Why a work cannot be done with it.
    pub(crate) fn cannot(self, work: Work) -> Option<&'static str> {
        with!(self, cannot(work))
    }

    /// Does one work with it, in an empty folder.
    pub(crate) async fn run(
        self,
        work: Work,
        settings: &Settings,
        folder: &Path,
        sizes: &Sizes,
    ) -> Done<Figures> {
        with!(self, run(work, settings, folder, sizes)).await
    }
}

fn facts<S: System>(settings: &Settings) -> Done<Facts> {
    S::facts(settings)
}

fn cannot<S: System>(work: Work) -> Option<&'static str> {
    S::cannot(work)
}

/// The futures of different systems are of different types: a box makes them one.
fn run<'a, S: System>(
    work: Work,
    settings: &'a Settings,
    folder: &'a Path,
    sizes: &'a Sizes,
) -> std::pin::Pin<Box<dyn Future<Output = Done<Figures>> + 'a>> {
    Box::pin(async move {
        let mut figures = works::run::<S>(work, settings, folder, sizes).await?;
        figures.notes.extend(S::note(work).map(str::to_owned));
        Ok(figures)
    })
}
