//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const HELP: &str = "\
Examples:
  crewline-day                                          a storm day of twelve hours, in five minutes
  crewline-day --hours 4 --speed 60 --seed 7            four hours at a minute a second; the seed draws the same day
  crewline-day --json day.json                          the report for a program, too
  crewline-day soak --minutes 60 --log soak.log         the same people at a steady load, and what it does to the server

It ends with 0 where nothing was lost, doubled or untrue, and with 1 otherwise. Ctrl-C ends the day early, with a report.";

/// A day in the life of Crewline: a storm day over real sessions and bad connections, proved from both ends
#[derive(Debug, Parser)]
#[command(name = "crewline-day", version, after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Hours of the story
    #[arg(long, default_value_t = 12.0)]
    pub(crate) hours: f64,
    /// Seconds of the story in a second [default: the day takes five minutes]
    #[arg(long)]
    pub(crate) speed: Option<f64>,
    /// When the day is over, keep the server and the live view until Ctrl-C
    #[arg(long)]
    pub(crate) stay: bool,
    #[command(subcommand)]
    pub(crate) command: Option<What>,
}

/// What day and soak have in common.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The program to start [default: crewline beside this program]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) crewline: Option<PathBuf>,
    /// A server that runs already, by http://; its administrator's token is taken from CREWLINE_TOKEN. People are added there
    #[arg(long, value_name = "URL", conflicts_with = "crewline", global = true)]
    pub(crate) server: Option<String>,
    /// What the day is drawn from [default: by chance]
    #[arg(long, global = true)]
    pub(crate) seed: Option<u64>,
    /// How many crews there are
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=400), global = true)]
    pub(crate) crews: u16,
    /// Where the live view is served; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:0",
        global = true
    )]
    pub(crate) view: SocketAddr,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) json: Option<PathBuf>,
    /// Where the store of the day is made; it goes away with the day [default: where temporary files are]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) folder: Option<PathBuf>,
}

/// Another way to spend the day.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// A steady load, and a look at what it does to the server: fails on a trend
    Soak(Soak),
}

/// How to soak.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How long, in hours [default: 1]
    #[arg(long, conflicts_with = "minutes")]
    pub(crate) hours: Option<f64>,
    /// How long, in minutes: for a short one
    #[arg(long)]
    pub(crate) minutes: Option<f64>,
    /// A line for each sample, and the verdict
    #[arg(long, value_name = "FILE", default_value = "soak.log")]
    pub(crate) log: PathBuf,
}

impl Soak {
    pub(crate) fn length_s(&self) -> f64 {
        match (self.minutes, self.hours) {
            (Some(minutes), _) => minutes * 60.0,
            (None, hours) => hours.unwrap_or(1.0) * 3_600.0,
        }
    }
}
