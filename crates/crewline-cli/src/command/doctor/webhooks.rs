//! Webhooks that do not post, or never will.

use crewline_core::WebhookRow;
use crewline_store_sqlite::admin;
use crewline_webhook::Settings;

use super::finding::Finding;
use super::store::of_database;
use crate::context::Context;
use crate::output::plain;

/// Most webhooks that are named.
const NAMED_MAX: usize = 10;

/// Looks at the webhooks, without asking any host. Nothing is said where there are none, or the store cannot be read, which
/// is told elsewhere.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let settings = match context.config.webhooks.settings() {
        Ok(settings) => settings,
        Err(failure) => {
            let remedy = "name a file in PEM that the server may read, or none";
            return vec![Finding::fail("webhooks", failure.to_string(), remedy)];
        }
    };
    let rows = match context.store_file() {
        Some(file) => admin::webhooks(file).unwrap_or_default(),
        None => of_database(context, |reader| reader.webhooks()),
    };
    if rows.is_empty() {
        return Vec::new();
    }
    let ill: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let what = complaint(row, &settings)?;
            Some(format!("{} of {} {what}", row.no.0, plain(row.id.as_str())))
        })
        .collect();
    if ill.is_empty() {
        let what = format!("{} at work, and nothing is parked", rows.len());
        return vec![Finding::ok("webhooks", what)];
    }
    let named = ill[..ill.len().min(NAMED_MAX)].join("; ");
    let what = format!("{} of {} want a look: {named}", ill.len(), rows.len());
    let remedy = "crewline webhook list, crewline webhook failures ID, crewline webhook test ID";
    vec![Finding::warn("webhooks", what, remedy)]
}

/// What is wrong with one.
fn complaint(row: &WebhookRow, settings: &Settings) -> Option<String> {
    if let Some(reason) = &row.paused {
        return Some(format!("is paused ({})", plain(reason)));
    }
    if let Some(why) = settings.refuses(&row.url) {
        return Some(format!("is not called: {why}"));
    }
    if let Some(failing) = &row.failing {
        let error = plain(&failing.error);
        return Some(format!("fails at event {} ({error})", failing.seq));
    }
    let parked = row.parked + row.dropped;
    (parked > 0).then(|| format!("has {parked} parked events"))
}
