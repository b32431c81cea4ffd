//! The report at the end of the day: on the terminal, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::ledger::{Counts, Faults, Judgement, Spread};
use crate::style::{Style, grouped, span};

/// Everything that the day has shown.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) crews: usize,
    pub(crate) story_hours: f64,
    pub(crate) real_seconds: u64,
    /// Whether it was ended before its time.
    pub(crate) is_cut_short: bool,
    /// Somebody has something left to say: the calm at the end was too short.
    pub(crate) is_unfinished: bool,
    pub(crate) judgement: Judgement,
    pub(crate) counts: Counts,
}

impl Report {
    /// Whether nothing was lost, doubled or untrue.
    pub(crate) fn is_well(&self) -> bool {
        self.judgement.faults.is_well() && !self.is_unfinished
    }

    /// For people.
    pub(crate) fn text(&self, style: Style) -> String {
        let mut text = String::new();
        let title = format!(
            "A day of {:.1} hours in {}, {} crews, seed {}",
            self.story_hours,
            span(self.real_seconds * 1_000),
            self.crews,
            self.seed
        );
        let short = if self.is_cut_short {
            ", ended early"
        } else {
            ""
        };
        let _ = writeln!(text, "\n  {}{short}\n", style.bold(&title));
        self.numbers(&mut text, style);
        self.times(&mut text, style);
        self.faults(&mut text, style);
        text
    }

    fn numbers(&self, text: &mut String, style: Style) {
        let Self {
            judgement, counts, ..
        } = self;
        let rows = [
            (
                "messages sent",
                counts.sent,
                format!(
                    "{} accepted, for {} recipients",
                    grouped(judgement.accepted),
                    grouped(judgement.copies)
                ),
            ),
            (
                "delivered",
                judgement.delivered,
                format!("{} payloads came back", grouped(judgement.payloads)),
            ),
            ("read", judgement.read, String::new()),
            (
                "acknowledged",
                judgement.acknowledged,
                format!(
                    "{} emergencies are open",
                    grouped(judgement.emergencies_open)
                ),
            ),
            ("SOS", counts.sos, String::new()),
            (
                "silent for 10 s",
                judgement.silent,
                format!("{} reminders by the desks", grouped(counts.reminders)),
            ),
            (
                "devices started",
                counts.sessions,
                format!(
                    "{} messages forgotten by a wiped device before they were answered",
                    grouped(counts.forgotten)
                ),
            ),
            ("by visitors", counts.of_others, String::new()),
        ];
        for (name, count, more) in rows {
            let _ = writeln!(
                text,
                "  {name:<16} {:>9}   {}",
                grouped(count),
                style.dim(&more)
            );
        }
    }

    fn times(&self, text: &mut String, style: Style) {
        let judgement = &self.judgement;
        let head = format!(
            "{:<44} {:>9} {:>10} {:>10} {:>10}",
            "how long it took", "count", "p50", "p99", "longest"
        );
        let _ = writeln!(text, "\n  {}", style.dim(&head));
        let rows: [(&str, Spread); 5] = [
            (
                "accepted: from the send to its answer",
                judgement.accepted_after,
            ),
            (
                "delivered: until the sender was told",
                judgement.delivered_after,
            ),
            (
                "  the same with those without contact",
                judgement.delivered_after_all,
            ),
            (
                "read: from the act until the sender was told",
                judgement.read_after,
            ),
            ("acknowledged: the same", judgement.acknowledged_after),
        ];
        for (
            name,
            Spread {
                count,
                p50,
                p99,
                max,
            },
        ) in rows
        {
            let _ = writeln!(
                text,
                "  {name:<44} {:>9} {:>10} {:>10} {:>10}",
                grouped(count),
                span(p50),
                span(p99),
                span(max)
            );
        }
    }

    fn faults(&self, text: &mut String, style: Style) {
        text.push('\n');
        for (name, count) in named(&self.judgement.faults) {
            let count_text = format!("{:>9}", grouped(count));
            let count_text = if count == 0 {
                count_text
            } else {
                style.red(&count_text)
            };
            let _ = writeln!(text, "  {name:<44} {count_text}");
        }
        for refusal in &self.counts.refusals {
            let _ = writeln!(text, "    {}", style.yellow(refusal));
        }
        let verdict = if self.is_well() {
            style.green("Nothing was lost, nothing came twice, and everything that was told is so.")
        } else if self.judgement.faults.is_well() {
            style.red("Nothing is wrong so far, but somebody has something left to say.")
        } else {
            style.red("Something is wrong.")
        };
        let _ = writeln!(text, "\n  {verdict}\n");
    }
}

/// The faults with their names.
fn named(faults: &Faults) -> [(&'static str, u64); 10] {
    [
        ("messages lost", faults.lost),
        ("messages twice", faults.twice),
        ("receipts lost", faults.receipts_lost),
        ("receipts twice", faults.receipts_twice),
        ("told and not so", faults.untrue),
        ("payloads that came back wrong", faults.payloads_wrong),
        ("texts that came wrong", faults.texts_wrong),
        ("receipts out of order", faults.out_of_order),
        ("events skipped", faults.gaps),
        ("refused", faults.refused),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cast::Cast;
    use crate::ledger::Ledger;

    fn report() -> Report {
        let ledger = Ledger::new(&Cast::new(4, "").unwrap());
        Report {
            seed: 7,
            crews: 4,
            story_hours: 12.0,
            real_seconds: 300,
            is_cut_short: false,
            is_unfinished: false,
            judgement: ledger.judge(),
            counts: ledger.counts.clone(),
        }
    }

    #[test]
    fn a_day_without_a_fault_is_well_and_with_one_it_is_not() {
        let mut report = report();
        assert!(report.is_well() && report.text(Style::PLAIN).contains("Nothing was lost"));
        report.is_unfinished = true;
        assert!(!report.is_well());
        report.is_unfinished = false;
        report.judgement.faults.lost = 1;
        assert!(!report.is_well() && report.text(Style::PLAIN).contains("Something is wrong"));
    }
}
