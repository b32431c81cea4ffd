//! Retention beside everything else: on a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crewline_api::{ChatApi as _, ErrorCode, EventKinds, Timestamp};
use crewline_core::{MemoryStore, Retention, StoreErrorKind};
use crewline_engine::{Clock, Engine, Options};
use futures_util::StreamExt as _;

use super::fault::{Faults, store};
use super::{no, options, send};

const DAY: Duration = Duration::from_hours(24);

struct HandClock {
    now: AtomicI64,
    numbers: AtomicU64,
}

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicI64::new(1_800_000_000_000),
            numbers: AtomicU64::new(1),
        })
    }

    fn pass(&self, time: Duration) {
        self.now
            .fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn random(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst) * 0x9E37_79B9
    }
}

fn keeping() -> Options {
    Options {
        retention: Some(Retention {
            messages: 2 * DAY,
            cursors: 30 * DAY,
            every: Duration::from_millis(1),
        }),
        ..options()
    }
}

fn start(clock: &Arc<HandClock>, store: &MemoryStore) -> Engine {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Engine::start(store.open(), keeping(), clock).unwrap()
}

/// The first and the last number that a log holds.
async fn ends(engine: &Engine, id: &'static str) -> (u64, u64) {
    let page = engine.read(move |reader| {
        let no = reader.participant(&id.parse().unwrap())?.unwrap().no;
        reader.log(no, 0, EventKinds::ALL, 1)
    });
    let page = page.await.unwrap();
    (page.oldest, page.head)
}

async fn until_log_begins_at(engine: &Engine, id: &'static str, oldest: u64) {
    while ends(engine, id).await.0 < oldest {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_while_everyone_sends_and_what_is_new_stays() {
    let (clock, store) = (HandClock::new(), MemoryStore::new("test"));
    let engine = start(&clock, &store);
    for _ in 0..50 {
        send(&engine, "scada", "alice", "Old").await.unwrap();
    }
    clock.pass(3 * DAY);
    let sender = engine.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..200 {
            send(&sender, "scada", "alice", "New").await.unwrap();
        }
    });
    until_log_begins_at(&engine, "alice", 51).await;
    sending.await.unwrap();
    assert_eq!(ends(&engine, "alice").await, (51, 250));
    let no = no(&engine, "alice").await;
    let page = engine.page(no, Some(49), EventKinds::ALL, 10).await;
    assert_eq!(page.unwrap_err().code, ErrorCode::LogTruncated);
    let page = engine
        .page(no, Some(50), EventKinds::ALL, 10)
        .await
        .unwrap();
    assert_eq!(page.events.len(), 10);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_one_who_was_away_too_long_says_so_once_and_goes_on() {
    let (clock, store) = (HandClock::new(), MemoryStore::new("test"));
    let engine = start(&clock, &store);
    send(&engine, "scada", "alice", "1").await.unwrap();
    {
        // Asking for the second confirms the first.
        let mut stream = engine.receive_messages("alice".parse().unwrap());
        assert_eq!(stream.next().await.unwrap().unwrap().message, "1");
        send(&engine, "scada", "alice", "2").await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().message, "2");
    }
    for text in ["3", "4"] {
        send(&engine, "scada", "alice", text).await.unwrap();
    }
    // The first was passed; the cursor holds the rest for as long as it may.
    clock.pass(10 * DAY);
    until_log_begins_at(&engine, "alice", 2).await;
    clock.pass(20 * DAY + Duration::from_hours(1));
    send(&engine, "scada", "alice", "5").await.unwrap();
    assert_eq!(ends(&engine, "alice").await, (2, 5));
    clock.pass(DAY);
    until_log_begins_at(&engine, "alice", 5).await;
    let mut stream = engine.receive_messages("alice".parse().unwrap());
    let told = stream.next().await.unwrap().unwrap_err();
    assert_eq!(told.code, ErrorCode::LogTruncated);
    assert_eq!(stream.next().await.unwrap().unwrap().message, "5");
    // Who asks for the first time begins with what there is, and is told nothing.
    let page = engine
        .page(no(&engine, "alice").await, None, EventKinds::ALL, 10)
        .await;
    assert_eq!(page.unwrap().events[0].seq(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_takes_no_writes_nothing_is_removed_and_later_it_is() {
    let (clock, faults) = (HandClock::new(), Arc::new(Faults::default()));
    let engine = Engine::start(store(&faults), keeping(), Arc::clone(&clock) as _).unwrap();
    for _ in 0..5 {
        send(&engine, "scada", "alice", "Old").await.unwrap();
    }
    *faults.always.lock().unwrap() = Some(StoreErrorKind::Full);
    clock.pass(3 * DAY);
    let refused = send(&engine, "scada", "alice", "New").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::StorageFull);
    assert_eq!(ends(&engine, "alice").await, (1, 5));
    *faults.always.lock().unwrap() = None;
    send(&engine, "scada", "alice", "New").await.unwrap();
    until_log_begins_at(&engine, "alice", 6).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flush_while_removing_ends_the_engine() {
    let (clock, faults) = (HandClock::new(), Arc::new(Faults::default()));
    let engine = Engine::start(store(&faults), keeping(), clock as _).unwrap();
    send(&engine, "scada", "alice", "x").await.unwrap();
    *faults.always.lock().unwrap() = Some(StoreErrorKind::Lost);
    engine.lost().await;
    assert!(engine.ready().is_err());
}
