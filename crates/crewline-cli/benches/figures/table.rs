//! The table: what was measured, beside what was aimed at.

use std::fmt;

use crate::http::HttpTurn;
use crate::machine::{Flush, Turn, median};

pub(crate) struct Table {
    machine: String,
    before: Flush,
    after: Option<Flush>,
    rows: Vec<[String; 7]>,
    aims: Vec<(String, String, bool)>,
}

impl Table {
    pub(crate) fn new(machine: String, before: Flush) -> Self {
        Self {
            machine,
            before,
            after: None,
            rows: Vec::new(),
            aims: Vec::new(),
        }
    }

    pub(crate) fn flush_after(&mut self, after: Flush) {
        self.after = Some(after);
    }

    fn row(
        &mut self,
        what: &str,
        in_flight: usize,
        turns: &[Turn],
        wal: Option<f64>,
        note: String,
    ) {
        let messages: u64 = turns.iter().map(|turn| turn.messages).sum();
        self.rows.push([
            what.to_owned(),
            in_flight.to_string(),
            format!("{:.0}", median(turns.iter().map(Turn::per_second))),
            format!("{:.1}", median(turns.iter().map(Turn::cpu_us))),
            wal.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}")),
            format!("{messages} in {}", turns.len()),
            note,
        ]);
    }

    fn aim(&mut self, what: &str, measured: String, met: bool) {
        self.aims.push((what.to_owned(), measured, met));
    }

    pub(crate) fn pair(
        &mut self,
        in_flight: usize,
        floors: &[Turn],
        engines: &[Turn],
        floor_wal: f64,
        engine_wal: f64,
    ) {
        let ratio = |of: fn(&Turn) -> f64| {
            median(
                floors
                    .iter()
                    .zip(engines)
                    .map(|(floor, engine)| of(engine) / of(floor)),
            )
        };
        let (cpu, speed) = (ratio(Turn::cpu_us), ratio(Turn::per_second));
        self.row("floor", in_flight, floors, Some(floor_wal), String::new());
        let note = format!("{speed:.2} of the floor's speed, {cpu:.2} of its CPU");
        self.row("engine", in_flight, engines, Some(engine_wal), note);
        if in_flight == 1_024 {
            self.aim(
                "engine, 1,024 in flight: CPU at most 1.5 times the floor's",
                format!("{cpu:.2}"),
                cpu <= 1.5,
            );
            self.aim(
                "engine, 1,024 in flight: at least 0.7 of the floor's speed",
                format!("{speed:.2}"),
                speed >= 0.7,
            );
        } else {
            self.aim(
                &format!("engine, {in_flight} in flight: CPU at most 1.5 times the floor's"),
                format!("{cpu:.2}"),
                cpu <= 1.5,
            );
        }
    }

    pub(crate) fn http(&mut self, turns: &[HttpTurn], wal: f64) {
        let all: Vec<Turn> = turns.iter().map(|turn| turn.turn).collect();
        let answers = (
            median(turns.iter().map(|turn| turn.median_ms)),
            median(turns.iter().map(|turn| turn.p99_ms)),
        );
        let note = format!(
            "answered in {:.1} ms, p99 {:.1} ms; CPU is the server's",
            answers.0, answers.1
        );
        self.row("HTTP", 64, &all, Some(wal), note);
        let cpu = median(all.iter().map(Turn::cpu_us));
        self.aim(
            "HTTP: below 80 µs of server CPU a message",
            format!("{cpu:.1} µs"),
            cpu < 80.0,
        );
    }

    pub(crate) fn chat(&mut self, rounds: &[(Turn, Turn)]) {
        let (small, large): (Vec<Turn>, Vec<Turn>) = rounds.iter().copied().unzip();
        let of = |of: fn(&Turn) -> f64| {
            median(rounds.iter().map(|(small, large)| of(large) / of(small)))
        };
        let (cpu, time) = (of(Turn::cpu_us), of(|turn| turn.time.as_secs_f64()));
        self.row("a chat of 10", 64, &small, None, String::new());
        self.row(
            "a chat of 100,000",
            64,
            &large,
            None,
            format!("{time:.2} of the time, {cpu:.2} of the CPU"),
        );
        self.aim(
            "a send into 100,000: at most 1.3 times one into 10",
            format!("{time:.2} (CPU {cpu:.2})"),
            time <= 1.3 && cpu <= 1.3,
        );
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        let flush = |flush: &Flush| {
            format!(
                "{:.2} ms (p99 {:.2}, {} samples)",
                flush.median_ms, flush.p99_ms, flush.samples
            )
        };
        writeln!(f, "A flush of 4 KiB: {} before", flush(&self.before))?;
        if let Some(after) = &self.after {
            writeln!(f, "                  {} after\n", flush(after))?;
        }
        let head = [
            "",
            "in flight",
            "messages/s",
            "CPU µs each",
            "WAL bytes each",
            "messages in turns",
            "",
        ]
        .map(str::to_owned);
        let rule = ["---", "--:", "--:", "--:", "--:", "--:", "---"].map(str::to_owned);
        let width = |column: usize| {
            self.rows
                .iter()
                .chain([&head, &rule])
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        for row in [&head, &rule].into_iter().chain(&self.rows) {
            for (column, cell) in row.iter().enumerate() {
                let pad = width(column).saturating_sub(cell.chars().count());
                let (left, right) = if (1..=5).contains(&column) {
                    (pad, 0)
                } else {
                    (0, pad)
                };
                write!(f, "| {}{cell}{} ", " ".repeat(left), " ".repeat(right))?;
            }
            writeln!(f, "|")?;
        }
        writeln!(f)?;
        for (aim, measured, met) in &self.aims {
            writeln!(
                f,
                "{} {aim}: {measured}",
                if *met { "met   " } else { "MISSED" }
            )?;
        }
        Ok(())
    }
}
