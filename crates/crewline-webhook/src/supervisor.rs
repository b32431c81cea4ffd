//! One task for each webhook that is at work. The list is read again whenever the directory's version moves, so that an act
//! of the administrator beside the server is noticed within a second.

use std::collections::HashMap;
use std::time::Duration;

use crewline_core::node::WEBHOOKS;
use crewline_core::{WebhookNo, WebhookRow};
use crewline_engine::{Engine, Held};
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::settings::Settings;
use crate::task::{self, At};

/// The list is read at least this often: a task that ended by a fault begins again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A webhook at work.
struct Working {
    revision: u64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Posts for every webhook until `stop` is cancelled; then what was taken is confirmed, and it returns. Of several nodes the
/// one that holds the lease does it.
pub async fn run(engine: Engine, settings: Settings, stop: CancellationToken) {
    let mut lease = engine.lease(WEBHOOKS);
    loop {
        let held = tokio::select! {
            () = stop.cancelled() => return,
            held = lease.taken() => held,
        };
        post_while(&engine.under(&held), &settings, &held, &stop).await;
    }
}

/// Posts for as long as the lease is held.
async fn post_while(engine: &Engine, settings: &Settings, held: &Held, stop: &CancellationToken) {
    let mut changes = engine.directory_changes();
    let mut working: HashMap<WebhookNo, Working> = HashMap::new();
    loop {
        changes.borrow_and_update();
        match engine.read(|reader| reader.webhooks()).await {
            Ok(rows) => look(engine, settings, held, &mut working, rows).await,
            // It was logged; the list is read again.
            Err(error) => debug!(%error, "the webhooks could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = held.ended() => break,
            changed = changes.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    for work in working.values() {
        work.stop.cancel();
    }
    for (no, work) in working {
        end(no, work).await;
    }
}

/// Stops what changed or is at work no more, and starts what is new.
async fn look(
    engine: &Engine,
    settings: &Settings,
    held: &Held,
    working: &mut HashMap<WebhookNo, Working>,
    rows: Vec<WebhookRow>,
) {
    let count = |wanted: bool| rows.iter().filter(|row| row.is_active() == wanted).count() as f64;
    gauge!("crewline_webhooks", "state" => "active").set(count(true));
    gauge!("crewline_webhooks", "state" => "paused").set(count(false));
    let failing = rows
        .iter()
        .filter(|row| row.is_active() && row.failing.is_some());
    gauge!("crewline_webhooks_failing").set(failing.count() as f64);
    let wanted: HashMap<WebhookNo, &WebhookRow> = rows
        .iter()
        .filter(|row| row.is_active())
        .map(|row| (row.no, row))
        .collect();
    let is_old = |no: &WebhookNo, work: &Working| {
        let same = wanted
            .get(no)
            .is_some_and(|row| row.revision == work.revision);
        !same || work.task.is_finished()
    };
    let old: Vec<WebhookNo> = working
        .iter()
        .filter(|(no, work)| is_old(no, work))
        .map(|(no, _)| *no)
        .collect();
    for no in &old {
        if let Some(work) = working.get(no) {
            work.stop.cancel();
        }
    }
    for no in old {
        // The one that follows reads the cursor that this one has put.
        if let Some(work) = working.remove(&no) {
            end(no, work).await;
        }
    }
    for row in rows.iter().filter(|row| row.is_active()) {
        working.entry(row.no).or_insert_with(|| {
            let stop = CancellationToken::new();
            let at = At {
                engine: engine.clone(),
                settings: settings.clone(),
                held: held.clone(),
            };
            let work = task::run(at, row.clone(), stop.clone());
            Working {
                revision: row.revision,
                stop,
                task: tokio::spawn(work),
            }
        });
    }
}

async fn end(no: WebhookNo, work: Working) {
    if let Err(error) = work.task.await {
        error!(webhook = no.0, %error, "a webhook's task ended by a fault; it begins again");
    }
}

/// Says what is counted here.
pub fn describe_metrics() {
    describe_counter!(
        "crewline_webhook_posts_total",
        "Posts to receivers, by outcome"
    );
    describe_counter!("crewline_webhook_parked_total", "Events that were parked");
    describe_histogram!(
        "crewline_webhook_post_seconds",
        metrics::Unit::Seconds,
        "Time of a post, from asking to the end of the answer"
    );
    describe_histogram!(
        "crewline_webhook_lag_seconds",
        metrics::Unit::Seconds,
        "From when an event was stored to when its receiver had taken it"
    );
    describe_gauge!("crewline_webhooks", "Webhooks, by state");
    describe_gauge!(
        "crewline_webhooks_failing",
        "Webhooks whose next event was refused and is tried again"
    );
}
