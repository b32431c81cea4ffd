//! One task for each subscription. The list is read again when the app said that it changed, and when the directory did: an
//! ended session and a new key are noticed within a second. Before each push it is looked at once more.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crewline_core::node::PUSH;
use crewline_core::{PushNo, PushSubscriptionRow};
use crewline_engine::Held;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::notes::Notes;
use crate::pusher::{Pusher, Shared};
use crate::task::{self, Term};
use crate::vapid::{Vapid, new_key};

/// The list is read at least this often: sessions end by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// And no more often: many may subscribe at once.
const LOOK_REST: Duration = Duration::from_millis(100);

/// A subscription at work.
struct Working {
    origin: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Pushes until `stop` is cancelled. Of several nodes the one that holds the lease does it.
pub async fn run(pusher: Pusher, stop: CancellationToken) {
    let shared = pusher.0;
    let mut lease = shared.engine.lease(PUSH);
    loop {
        // Tests are pushed by every node, and whoever subscribes asks any for the key.
        read_key(&shared).await;
        let held = tokio::select! {
            () = stop.cancelled() => return,
            held = lease.taken() => held,
            () = tokio::time::sleep(LOOK_EVERY) => continue,
        };
        push_while(&shared, held, &stop).await;
    }
}

/// Pushes for as long as the lease is held.
async fn push_while(shared: &Arc<Shared>, held: Held, stop: &CancellationToken) {
    let term = Term {
        notes: Notes::start(shared.engine.under(&held)),
        held: held.clone(),
    };
    let mut changes = shared.engine.directory_changes();
    let mut others = shared.engine.push_changes();
    let mut working: HashMap<PushNo, Working> = HashMap::new();
    loop {
        changes.borrow_and_update();
        if read_key(shared).await {
            let now = shared.engine.now();
            let rows = shared
                .engine
                .read(move |reader| reader.push_subscriptions(now));
            match rows.await {
                Ok(rows) => look(shared, &term, &mut working, rows).await,
                // It was logged; the list is read again.
                Err(error) => debug!(%error, "the push subscriptions could not be read"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = held.ended() => break,
            changed = changes.changed() => if changed.is_err() { break },
            () = shared.changed.notified() => {}
            () = said(&mut others) => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_REST) => {}
        }
    }
    for work in working.values() {
        work.stop.cancel();
    }
    for (no, work) in working {
        end(no, work).await;
    }
}

/// Waits until another node says that a subscription was put or removed; for ever, where there is none.
async fn said(others: &mut Option<watch::Receiver<u64>>) {
    if let Some(others) = others
        && others.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

impl Pusher {
    /// Reads the key pair, or makes it where there is none. Who asks for the public key before gets none.
    pub async fn prepare(&self) {
        read_key(&self.0).await;
    }
}

/// Reads the key pair, or makes it; `false` where that is not possible now.
async fn read_key(shared: &Shared) -> bool {
    let kept = match shared.engine.read(|reader| reader.push_key()).await {
        Ok(Some(kept)) => kept,
        Ok(None) => {
            let new = match new_key() {
                Ok(new) => new,
                Err(error) => {
                    error!(error, "nothing can be pushed");
                    return false;
                }
            };
            let keep = move |directory: &mut dyn crewline_core::Directory, _| {
                directory.keep_push_key(&new, false)
            };
            match shared.engine.directory(keep).await {
                Ok(Ok(kept)) => kept,
                Ok(Err(error)) => {
                    error!(%error, "the key of push could not be written");
                    return false;
                }
                Err(_) => return false,
            }
        }
        Err(_) => return false,
    };
    let vapid = match Vapid::new(&kept) {
        Ok(vapid) => vapid,
        Err(error) => {
            error!(
                error,
                "nothing can be pushed; crewline push key --rotate makes a new key"
            );
            return false;
        }
    };
    match shared.vapid() {
        Some(known) if known.public() == vapid.public() => {}
        known => {
            info!(
                key = vapid.public(),
                new = known.is_some(),
                "push is on; this is its public key"
            );
            shared.set_vapid(vapid);
        }
    }
    true
}

/// Stops what is gone, and starts what is new.
async fn look(
    shared: &Arc<Shared>,
    term: &Term,
    working: &mut HashMap<PushNo, Working>,
    rows: Vec<PushSubscriptionRow>,
) {
    gauge!("crewline_push_subscriptions").set(rows.len() as f64);
    let hosts: BTreeSet<&str> = rows.iter().map(|row| row.endpoint.host()).collect();
    shared.services.keep(&hosts);
    let wanted: HashMap<PushNo, &PushSubscriptionRow> =
        rows.iter().map(|row| (row.no, row)).collect();
    let is_old = |no: &PushNo, work: &Working| {
        let same = wanted.get(no).is_some_and(|row| row.origin == work.origin);
        !same || work.task.is_finished()
    };
    let old: Vec<PushNo> = working
        .iter()
        .filter(|(no, work)| is_old(no, work))
        .map(|(no, _)| *no)
        .collect();
    for no in old {
        if let Some(work) = working.remove(&no) {
            work.stop.cancel();
            end(no, work).await;
        }
    }
    for row in rows {
        working.entry(row.no).or_insert_with(|| {
            let stop = CancellationToken::new();
            let origin = row.origin.clone();
            let work = task::run(Arc::clone(shared), term.clone(), row, stop.clone());
            Working {
                origin,
                stop,
                task: tokio::spawn(work),
            }
        });
    }
}

async fn end(no: PushNo, work: Working) {
    if let Err(error) = work.task.await {
        error!(subscription = no.0, %error, "the task of a push subscription ended by a fault; it begins again");
    }
}

/// Says what is counted here.
pub fn describe_metrics() {
    describe_counter!(
        "crewline_push_posts_total",
        "Pushes to push services, by outcome"
    );
    describe_counter!(
        "crewline_push_dropped_total",
        "Messages that woke nobody because too many waited for one device"
    );
    describe_histogram!(
        "crewline_push_post_seconds",
        metrics::Unit::Seconds,
        "Time of a push, from asking to the end of the answer"
    );
    describe_histogram!(
        "crewline_push_lag_seconds",
        metrics::Unit::Seconds,
        "From when a message was stored to when a push service had taken its push"
    );
    describe_gauge!("crewline_push_subscriptions", "Devices that can be woken");
    describe_gauge!(
        "crewline_push_services_failing",
        "Push services that take no pushes"
    );
}
