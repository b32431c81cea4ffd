//! Cursors that are behind: where retention is on, they keep what is old.

use crewline_engine::{Clock as _, SystemClock};
use crewline_store_sqlite::admin;

use super::finding::Finding;
use super::store::of_database;
use crate::command::local_time;
use crate::context::Context;
use crate::output::plain;

/// Most cursors that are named.
const NAMED_MAX: usize = 10;

/// Looks at the cursors. Nothing is said where everything is kept anyway, or the store cannot be read, which is told
/// elsewhere.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let Some(rules) = context.config.retention.rules() else {
        return Vec::new();
    };
    let before = rules.report(SystemClock.now());
    let found = match context.store_file() {
        Some(file) => admin::cursors_behind(file, before).unwrap_or_default(),
        None => of_database(context, |reader| {
            Ok(reader.cursors_behind(before, usize::MAX)?.0)
        }),
    };
    let holding: Vec<_> = found.iter().filter(|cursor| !cursor.released).collect();
    if holding.is_empty() {
        let days = rules.cursors.as_secs() / (24 * 3_600);
        let what = format!("none has been behind for {days} days");
        return vec![Finding::ok("cursors", what)];
    }
    let named = holding.iter().take(NAMED_MAX).map(|cursor| {
        let (id, name) = (
            plain(cursor.participant.as_str()),
            plain(cursor.name.as_str()),
        );
        let since = local_time(cursor.since);
        format!("{name:?} of {id} at {}, since {since}", cursor.seq)
    });
    let named: Vec<String> = named.collect();
    let what = format!(
        "{} behind, and keep what is old: {}",
        holding.len(),
        named.join("; ")
    );
    let remedy = "start their consumers, or put the cursors on; a day after they are reported they are released";
    vec![Finding::warn("cursors", what, remedy)]
}
