//! All tables of a run, one for each work.

use std::fmt::Write as _;

use super::table::Table;
use super::{Measured, Run, aims};
use crate::works::Work;

/// A column: what stands above it, and what in it, if it was measured.
type Column = (String, Box<dyn Fn(&Measured) -> Option<String>>);

impl Run {
    /// The whole in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, text: &mut String) -> std::fmt::Result {
        let machine = &self.machine;
        if self.quick {
            writeln!(
                text,
                "**A quick run, with small numbers, to see that it works: the figures say nothing.** `make bench-peers` measures.\n"
            )?;
        }
        writeln!(
            text,
            "{}: {} × {}, {:.0} GiB of memory, Linux {}; generator and servers on the same cores.\n",
            machine.date, machine.cores, machine.processor, machine.memory_gib, machine.kernel
        )?;
        writeln!(text, "{}", self.promises())?;
        for work in Work::ALL {
            let table = self.table(work);
            if !table.is_empty() {
                writeln!(text, "{table}")?;
            }
        }
        for missing in &self.missing {
            writeln!(text, "Not measured: {missing}.\n")?;
        }
        for failure in self.failures() {
            writeln!(text, "Failed: {failure}.\n")?;
        }
        for fault in self.faults() {
            writeln!(text, "**Broken promise:** {fault}.\n")?;
        }
        aims::write(self, text)
    }

    fn promises(&self) -> Table {
        let mut table = Table::new("What is measured", ["", "version", ""].map(str::to_owned));
        for system in &self.systems {
            let facts = &system.facts;
            table.row([
                facts.name.clone(),
                facts.version.clone(),
                facts.durability.clone(),
            ]);
        }
        table
    }

    fn table(&self, work: Work) -> Table {
        let columns = self.columns(work);
        let head =
            std::iter::once(String::new()).chain(columns.iter().map(|(name, _)| name.clone()));
        let mut table = Table::new(self.title(work), head);
        for system in &self.systems {
            let mut name = system.facts.name.clone();
            if let Some(figures) = system.works.get(&work) {
                for note in &figures.notes {
                    name.push_str(&table.note(note));
                }
            } else if let Some(why) = system.not.get(&work) {
                name.push_str(&table.note(why));
            } else {
                continue;
            }
            let cells = columns
                .iter()
                .map(|(_, cell)| cell(system).unwrap_or_else(|| "–".to_owned()));
            table.row(std::iter::once(name).chain(cells));
        }
        table
    }

    fn title(&self, work: Work) -> String {
        let sizes = &self.sizes;
        match work {
            Work::W1 => format!(
                "W1: round trip, 1 and {} in flight",
                sizes.senders * sizes.each
            ),
            Work::W2 => format!(
                "W2: {} messages wait for one who connects",
                thousands(sizes.waiting)
            ),
            Work::W3 => "W3: connected users at rest".to_owned(),
            Work::W4 => format!("W4: one emergency to {} connected users", sizes.alarmed),
            Work::W5 => "W5: round trip at 1 in flight in a chat that grows".to_owned(),
            Work::W6 => format!(
                "W6: {} users come back at once, {} messages wait for each",
                thousands(sizes.returning),
                sizes.waiting_each
            ),
        }
    }

    fn columns(&self, work: Work) -> Vec<Column> {
        let sizes = &self.sizes;
        match work {
            Work::W1 => {
                let many = sizes.senders * sizes.each;
                vec![
                    one("1: a second", work, "w1.one.per_second", whole),
                    pair("accepted ms", work, "w1.one.accepted"),
                    pair("delivered ms", work, "w1.one.delivered"),
                    pair("receipt ms", work, "w1.one.receipt"),
                    pair("flush ms", work, "w1.flush"),
                    one(
                        &format!("{many}: a second"),
                        work,
                        "w1.many.per_second",
                        whole,
                    ),
                    pair("receipt ms", work, "w1.many.receipt"),
                    one("server CPU µs each", work, "w1.many.cpu_us", whole),
                    one("generator", work, "w1.many.own_cpu_us", whole),
                ]
            }
            Work::W2 => vec![
                one("all there ms", work, "w2.ms", time),
                counts("lost, twice", work, "w2"),
                one("after kill -9 ms", work, "w2.killed.ms", time),
                counts("lost, twice", work, "w2.killed"),
            ],
            Work::W3 => sizes
                .idle
                .iter()
                .flat_map(|count| {
                    let name = |unit: &str| format!("{}: {unit}", thousands(*count));
                    [
                        one(
                            &name("KiB each"),
                            work,
                            &format!("w3.{count}.kib_each"),
                            tenth,
                        ),
                        one(&name("MiB in all"), work, &format!("w3.{count}.mib"), whole),
                    ]
                })
                .collect(),
            Work::W4 => vec![
                one("accepted ms", work, "w4.accepted.ms", time),
                one("the last has it ms", work, "w4.last.ms", time),
                one("all receipts ms", work, "w4.receipts.ms", time),
            ],
            Work::W5 => sizes
                .growth
                .iter()
                .map(|size| {
                    let name = format!("{}: ms (flush)", thousands(*size));
                    beside(&name, work, &format!("w5.{size}"))
                })
                .collect(),
            Work::W6 => vec![
                one("all have all ms", work, "w6.ms", whole),
                one("all receipts ms", work, "w6.receipts.ms", whole),
            ],
        }
    }
}

fn one(head: &str, work: Work, name: &str, show: fn(f64) -> String) -> Column {
    let name = name.to_owned();
    let cell = move |system: &Measured| Some(show(system.value(work, &name)?));
    (head.to_owned(), Box::new(cell))
}

/// The middle and the 99th of a hundred.
fn pair(head: &str, work: Work, name: &str) -> Column {
    let (p50, p99) = (format!("{name}.p50"), format!("{name}.p99"));
    let cell = move |system: &Measured| {
        let (p50, p99) = (system.value(work, &p50)?, system.value(work, &p99)?);
        Some(format!("{} / {}", time(p50), time(p99)))
    };
    (head.to_owned(), Box::new(cell))
}

fn counts(head: &str, work: Work, name: &str) -> Column {
    let (lost, twice) = (format!("{name}.lost"), format!("{name}.twice"));
    let cell = move |system: &Measured| {
        let (lost, twice) = (system.value(work, &lost)?, system.value(work, &twice)?);
        Some(format!("{}, {}", whole(lost), whole(twice)))
    };
    (head.to_owned(), Box::new(cell))
}

/// A time, and what a flush took beside it.
fn beside(head: &str, work: Work, name: &str) -> Column {
    let (receipt, flush) = (format!("{name}.receipt.p50"), format!("{name}.flush"));
    let cell = move |system: &Measured| {
        let (receipt, flush) = (system.value(work, &receipt)?, system.value(work, &flush)?);
        Some(format!("{} ({})", time(receipt), time(flush)))
    };
    (head.to_owned(), Box::new(cell))
}

/// A number of milliseconds, as exact as it is worth.
fn time(ms: f64) -> String {
    match ms {
        below if below < 10.0 => format!("{below:.2}"),
        below if below < 100.0 => format!("{below:.1}"),
        _ => whole(ms),
    }
}

fn tenth(number: f64) -> String {
    format!("{number:.1}")
}

fn whole(number: f64) -> String {
    thousands(number.round().max(0.0) as usize)
}

/// With a comma for each three digits.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    #[test]
    fn numbers_are_as_exact_as_they_are_worth() {
        assert_eq!(
            (time(0.256), time(25.64), time(2_564.1)),
            ("0.26".into(), "25.6".into(), "2,564".into())
        );
        assert_eq!(
            (thousands(0), thousands(999), thousands(1_000_000)),
            ("0".into(), "999".into(), "1,000,000".into())
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash_with_its_reason_and_what_was_not_asked_for_is_no_row() {
        let text = run().markdown();
        assert!(text.contains("| Crewline | 1,234 |"), "{text}");
        assert!(text.contains("| Other (1) | – |"), "{text}");
        assert!(text.contains("(1) it has no receipts."), "{text}");
        assert!(!text.contains("### W2"), "{text}");
        assert!(
            text.contains("**Broken promise:** Crewline: W1: 1 lost, 0 twice."),
            "{text}"
        );
        assert!(text.contains("figures say nothing"), "{text}");
    }
}
