//! How long a search takes in a million messages: `cargo run --release -p crewline-store-sqlite --example search -- 1000000`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is run by hand, and says what went wrong by a panic"
)]

use std::time::Instant;

use crewline_api::NewMessage;
use crewline_core::search::{Search, SearchWords};
use crewline_core::{Command, DeviceNo, SendCommand};
use crewline_store_sqlite::{Options, open};
use crewline_testkit::Desk;

/// Messages of one batch.
const BATCH: usize = 1_000;

fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("crewline.db"));
    options.synchronous_full = false;
    let mut desk = Desk::new(open(&options).unwrap());
    let people: Vec<String> = (0..50).map(|n| format!("user{n}")).collect();
    for name in &people {
        desk.add_user(name);
    }
    let begun = Instant::now();
    for first in (0..count).step_by(BATCH) {
        let commands: Vec<_> = (first..(first + BATCH).min(count))
            .map(|n| {
                let text = format!(
                    "Feeder {} breaker {} has tripped, crew {} is under way x{n}",
                    n % 97,
                    n % 1009,
                    n % 13
                );
                let message =
                    NewMessage::builder("scada", "SCADA", text).to(people[n % 50].as_str());
                let message = message.build().unwrap();
                Command::Send(SendCommand::new(message, DeviceNo(0)).unwrap())
            })
            .collect();
        for answer in desk.batch(&commands) {
            answer.unwrap();
        }
    }
    println!("{count} messages sent in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let mut steps = 1;
    while desk.writer.index(4_000).unwrap() {
        steps += 1;
    }
    println!(
        "put into the index in {:.1?}, {steps} steps",
        begun.elapsed()
    );
    for (what, asked) in [
        ("a word of one message", format!("x{}", count / 50 * 25)),
        ("a word of a thousandth", "\"breaker 7\"".to_owned()),
        ("a word of every message", "tripped".to_owned()),
        ("the beginning of many", "x1".to_owned()),
        ("two words", "feeder 96 breaker 1008 crew 3".to_owned()),
        ("a word of none", "nothing".to_owned()),
    ] {
        let search = Search {
            words: SearchWords::read(&asked),
            ..Search::default()
        };
        for who in ["user0", "scada"] {
            let no = desk.no(who).unwrap();
            let begun = Instant::now();
            let found = desk.reader.search(no, &search, 50).unwrap();
            println!(
                "{what:<24} {asked:<32} as {who:<6} {:>3} found in {:>9.2?}{}",
                found.hits.len(),
                begun.elapsed(),
                if found.next.is_some() {
                    ", and more"
                } else {
                    ""
                }
            );
        }
    }
}
