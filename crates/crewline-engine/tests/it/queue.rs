//! The queue: bounded, fair, and emptied before the engine stops.

use std::sync::Arc;

use crewline_api::ErrorCode;
use crewline_engine::{Engine, SystemClock};

use super::fault::{Faults, store};
use super::{message, options, plug, send};

/// An engine whose writer does not begin before the gate is opened.
fn waiting() -> (Engine, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    faults.close_gate();
    (
        Engine::start(store(&faults), options(), Arc::new(SystemClock)).unwrap(),
        faults,
    )
}

/// Puts so many commands in, without waiting for answers; returns the first refusal.
async fn fill(engine: &Engine, from: &str, many: usize) -> Option<ErrorCode> {
    for _ in 0..many {
        let submitted = engine.submit(message(from, "alice", "x"));
        tokio::pin!(submitted);
        // Polled once: it is in the queue, or refused.
        let now = std::future::poll_fn(|context| {
            std::task::Poll::Ready(submitted.as_mut().poll(context))
        });
        if let std::task::Poll::Ready(Err(error)) = now.await {
            assert!(error.retry_after_s.is_some());
            return Some(error.code);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn one_participant_fills_a_quarter_of_the_queue_and_all_together_the_whole() {
    let (engine, faults) = waiting();
    assert_eq!(
        fill(&engine, "greedy", 20_000).await,
        Some(ErrorCode::TooManyRequests)
    );
    assert_eq!(fill(&engine, "modest", 10).await, None, "another has room");
    for other in ["b", "c", "d"] {
        fill(&engine, other, 20_000).await;
    }
    assert_eq!(fill(&engine, "e", 20_000).await, Some(ErrorCode::Busy));
    faults.open_gate();
    while engine.queued_rows() > 0 {
        tokio::task::yield_now().await;
    }
    send(&engine, "greedy", "alice", "there is room again")
        .await
        .unwrap();
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_the_stop_is_carried_out_and_nothing_after() {
    let (engine, faults) = waiting();
    plug(&engine).await;
    let accepted: Vec<_> = (0..50)
        .map(|at| {
            let engine = engine.clone();
            tokio::spawn(async move { send(&engine, "scada", "alice", &format!("{at}")).await })
        })
        .collect();
    while engine.queued_rows() < 50 * 4 {
        tokio::task::yield_now().await;
    }
    let stopping = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.stop().await })
    };
    loop {
        if let Err(error) = engine.ready().and(
            fill(&engine, "late", 1)
                .await
                .map_or(Ok(()), |code| Err(crewline_api::ApiError::new(code, ""))),
        ) {
            assert_eq!(error.code, ErrorCode::Stopping);
            break;
        }
        tokio::task::yield_now().await;
    }
    faults.open_gate();
    stopping.await.unwrap();
    for send in accepted {
        send.await
            .unwrap()
            .expect("what was accepted is carried out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_wait_together_are_committed_together() {
    let (engine, faults) = waiting();
    plug(&engine).await;
    let sends: Vec<_> = (0..200)
        .map(|at| {
            let engine = engine.clone();
            tokio::spawn(async move {
                send(&engine, "scada", "alice", &format!("{at}"))
                    .await
                    .unwrap()
            })
        })
        .collect();
    while engine.queued_rows() < 200 * 4 {
        tokio::task::yield_now().await;
    }
    faults.open_gate();
    for send in sends {
        send.await.unwrap();
    }
    let batches = *faults.committed.lock().unwrap();
    assert_eq!(batches, 2, "the plug, and all that waited behind it");
}
