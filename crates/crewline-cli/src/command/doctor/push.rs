//! Whether devices can be woken whose app is closed.

use std::collections::BTreeMap;

use crewline_engine::{Clock as _, SystemClock};
use crewline_store_sqlite::admin;

use super::finding::Finding;
use super::store::of_database;
use crate::context::Context;
use crate::output::plain;

/// Most push services that are named.
const NAMED_MAX: usize = 5;

/// Looks at push, without asking any host.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let push = &context.config.push;
    if !push.enabled {
        let what = "switched off: nobody whose app is closed is woken".to_owned();
        return vec![Finding::ok("push", what)];
    }
    if let Err(failure) = push.settings() {
        let remedy = "name a file in PEM that the server may read, or none";
        return vec![Finding::fail("push", failure.to_string(), remedy)];
    }
    let now = SystemClock.now();
    // A store that cannot be read is told elsewhere.
    let rows = match context.store_file() {
        Some(file) => admin::push_subscriptions(file, now).unwrap_or_default(),
        None => of_database(context, |reader| reader.push_subscriptions(now)),
    };
    let mut errors: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &rows {
        if let Some(error) = &row.last_error {
            errors.insert(row.endpoint.host(), error);
        }
    }
    let proven = rows.iter().filter(|row| row.proven_at.is_some()).count();
    let count = format!(
        "on; {} devices subscribed, {proven} of them proven",
        rows.len()
    );
    if errors.is_empty() {
        return vec![Finding::ok("push", count)];
    }
    let named: Vec<String> = errors
        .values()
        .take(NAMED_MAX)
        .map(|error| plain(error))
        .collect();
    let what = format!("{count}; not every push goes out: {}", named.join("; "));
    let remedy = "docs/howto-push.md says which hosts a firewall must let through; push.enabled = false where there is no way";
    vec![Finding::warn("push", what, remedy)]
}
