//! Written and not durable yet: what is done meanwhile, and what is not.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use crewline_api::{ErrorCode, EventKinds};
use crewline_engine::{Engine, SystemClock};

use super::fault::{Faults, store};
use super::{no, options, send};

fn on_a_disk() -> (Engine, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let engine = Engine::start(store(&faults), options(), Arc::new(SystemClock)).unwrap();
    (engine, faults)
}

async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// Gives others the time that they need for a step or two.
async fn let_others_go_on() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// Sends so many at once; the answers come as they come.
fn send_all(
    engine: &Engine,
    texts: &[&'static str],
) -> Vec<tokio::task::JoinHandle<Result<u64, ErrorCode>>> {
    texts
        .iter()
        .map(|text| {
            let (engine, text) = (engine.clone(), *text);
            tokio::spawn(async move {
                let sent = send(&engine, text, "alice", text).await;
                sent.map(|sent| sent.position).map_err(|error| error.code)
            })
        })
        .collect()
}

/// Two batches under way: one is written and waits for the disk, the next is decided and waits for the first.
async fn two_batches(
    engine: &Engine,
    faults: &Faults,
) -> Vec<tokio::task::JoinHandle<Result<u64, ErrorCode>>> {
    let saved = *faults.saved.lock().unwrap();
    faults.close_gate();
    super::plug(engine).await;
    // The plug's batch is not the last that waits: so it is flushed beside the writer.
    let all = send_all(engine, &["a", "b"]);
    while engine.queued_rows() < 2 * 4 {
        tokio::task::yield_now().await;
    }
    faults.disk.hold();
    faults.open_gate();
    while faults.disk.begun() == 0 || *faults.saved.lock().unwrap() < saved + 2 {
        tokio::task::yield_now().await;
    }
    let_others_go_on().await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_told_or_shown_anything_before_it_is_durable() {
    let (engine, faults) = on_a_disk();
    send(&engine, "scada", "alice", "before").await.unwrap();
    let alice = no(&engine, "alice").await;
    let mut follower = engine.follow(alice, 1, EventKinds::ALL);
    let sends = two_batches(&engine, &faults).await;

    let mut told = Box::pin(follower.next(10));
    let was_read = Arc::new(AtomicBool::new(false));
    let (reader, seen) = (engine.clone(), Arc::clone(&was_read));
    let mut reading = Box::pin(async move {
        let read = reader.read(move |reader| {
            let page = reader.log(alice, 0, EventKinds::ALL, 10);
            seen.store(true, Ordering::Release);
            page
        });
        read.await
    });
    while !was_read.load(Ordering::Acquire) {
        assert!(is_pending(reading.as_mut()).await);
        tokio::task::yield_now().await;
    }
    // Each is polled, and has all the time that others need.
    for _ in 0..1_000 {
        assert!(is_pending(told.as_mut()).await, "nobody is told");
        assert!(
            is_pending(reading.as_mut()).await,
            "nobody reads what may be lost"
        );
        assert!(sends.iter().all(|send| !send.is_finished()), "nor answered");
        tokio::task::yield_now().await;
    }

    faults.disk.let_go(false);
    for send in sends {
        assert!(send.await.unwrap().is_ok());
    }
    assert!(reading.await.unwrap().head >= 1);
    assert!(!told.await.unwrap().events.is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_built_on_one_that_is_not_durable_is_refused_with_it() {
    let (engine, faults) = on_a_disk();
    send(&engine, "scada", "alice", "before").await.unwrap();
    let alice = no(&engine, "alice").await;
    let sends = two_batches(&engine, &faults).await;
    let reader = engine.clone();
    let reading = tokio::spawn(async move { reader.page(alice, None, EventKinds::ALL, 10).await });
    faults.disk.let_go(true);
    for send in sends {
        let error = send.await.unwrap().unwrap_err();
        assert!(
            matches!(error, ErrorCode::StorageUnavailable | ErrorCode::Stopping),
            "{error:?}"
        );
    }
    engine.lost().await;
    assert!(engine.ready().is_err());
    // Whoever read meanwhile is not shown it; who read before the batch was written was right.
    if let Ok(page) = reading.await.unwrap() {
        assert_eq!(page.head, 1);
    }
    let late = engine.page(alice, None, EventKinds::ALL, 10).await;
    assert_eq!(late.unwrap_err().code, ErrorCode::StorageUnavailable);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_batch_waits_for_the_disk_the_next_one_grows() {
    let (engine, faults) = on_a_disk();
    faults.disk.hold();
    let first = send_all(&engine, &["a"]);
    while faults.disk.begun() < 1 {
        tokio::task::yield_now().await;
    }
    let others = send_all(&engine, &["b", "c", "d", "e", "f"]);
    while engine.queued_rows() < 5 * 4 && *faults.committed.lock().unwrap() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(faults.disk.begun(), 1, "one flush at a time");
    faults.disk.let_go(false);
    for send in first.into_iter().chain(others) {
        send.await.unwrap().unwrap();
    }
    assert!(
        *faults.committed.lock().unwrap() <= 3,
        "those that came meanwhile went together"
    );
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_to_follow_between_the_writing_and_the_telling_is_told() {
    let (engine, faults) = on_a_disk();
    send(&engine, "scada", "alice", "before").await.unwrap();
    let alice = no(&engine, "alice").await;
    let sends = two_batches(&engine, &faults).await;
    // Nobody followed when the events were put together; and what is read now does not have them.
    let mut follower = engine.follow(alice, 1, EventKinds::ALL);
    assert!(is_pending(Box::pin(follower.next(10)).as_mut()).await);
    let_others_go_on().await;
    faults.disk.let_go(false);
    let mut received = 0;
    while received < sends.len() {
        received += follower.next(10).await.unwrap().events.len();
    }
    for send in sends {
        send.await.unwrap().unwrap();
    }
    engine.stop().await;
}
