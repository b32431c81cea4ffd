//! What an import took and what it could not: a table for people, one object for programs.

use std::fmt::Write as _;

use crewline_core::peek::{Counts, Named, Report};
use serde_json::{Value, json};

use super::PeekArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};

/// Rows named for people; programs get all of them.
const SHOWN: usize = 20;

/// Tells it.
pub(super) fn tell(
    report: &Report,
    args: &PeekArgs,
    source: &str,
    context: &mut Context,
) -> Result<(), Failure> {
    if args.json {
        let store = context.store_shown();
        return context
            .out
            .json(&as_json(report, args.dry_run, source, &store));
    }
    for (id, other) in &report.look_alikes {
        let (id, other) = (plain(id), plain(other));
        context.warn(&format!(
            "{id} looks like {other}, which is another participant"
        ));
    }
    let taken = if args.dry_run { "WOULD TAKE" } else { "TAKEN" };
    let mut table = Table::new(&["", taken, "KNOWN", "LEFT"]);
    for (name, counts) in rows(report) {
        let Counts { new, known, left } = counts;
        table.row([
            name.to_owned(),
            new.to_string(),
            known.to_string(),
            left.to_string(),
        ]);
    }
    let mut text = table.render(context.out.style());
    if report.payloads_fired > 0 {
        let _ = writeln!(
            text,
            "of the payloads, {} are of messages that were read before: they are in their senders' logs",
            report.payloads_fired
        );
    }
    list(&mut text, "not taken", &report.left, report.left_count);
    list(&mut text, "changed", &report.changed, report.changed_count);
    if args.dry_run {
        text.push_str("nothing was changed (--dry-run)\n");
    }
    context.out.write(&text)
}

fn rows(report: &Report) -> [(&'static str, Counts); 6] {
    [
        ("users", report.users),
        ("externals", report.externals),
        ("chats", report.chats),
        ("messages", report.messages),
        ("read marks", report.read_marks),
        ("read payloads", report.payloads),
    ]
}

fn list(text: &mut String, what: &str, named: &[Named], all: u64) {
    if named.is_empty() {
        return;
    }
    let _ = writeln!(text, "{what}:");
    for row in named.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "  {} {}: {}",
            row.kind.as_str(),
            row.id,
            plain(&row.why)
        );
    }
    let rest = all.saturating_sub(SHOWN.min(named.len()) as u64);
    if rest > 0 {
        let _ = writeln!(text, "  and {rest} more; --json names them");
    }
}

fn as_json(report: &Report, dry_run: bool, source: &str, store: &str) -> Value {
    let counts =
        |counts: Counts| json!({ "taken": counts.new, "known": counts.known, "left": counts.left });
    let named = |rows: &[Named]| -> Vec<Value> {
        let row = |row: &Named| json!({ "kind": row.kind.as_str(), "id": row.id, "why": row.why });
        rows.iter().map(row).collect()
    };
    json!({
        "source": source, "store": store, "dryRun": dry_run,
        "users": counts(report.users), "externals": counts(report.externals), "chats": counts(report.chats),
        "messages": counts(report.messages), "readMarks": counts(report.read_marks),
        "readPayloads": counts(report.payloads), "readPayloadsFired": report.payloads_fired,
        "left": named(&report.left), "changed": named(&report.changed), "lookAlikes": report.look_alikes,
    })
}
