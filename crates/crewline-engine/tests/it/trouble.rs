//! Stores that fail: whoever is at fault fails alone, nothing is claimed that is not so, and it goes on by itself.

use std::sync::Arc;

use crewline_api::{ErrorCode, EventKinds};
use crewline_core::StoreErrorKind;
use crewline_engine::{Engine, SystemClock};

use super::fault::{Faults, store};
use super::{options, plug, send};

fn faulty() -> (Engine, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    (
        Engine::start(store(&faults), options(), Arc::new(SystemClock)).unwrap(),
        faults,
    )
}

async fn heads(engine: &Engine) -> u64 {
    let page = engine.read(|reader| {
        let alice = reader.participant(&"alice".parse().unwrap())?;
        alice.map_or(Ok(0), |row| {
            Ok(reader.log(row.no, 0, EventKinds::ALL, 1)?.head)
        })
    });
    page.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_repeated_and_nobody_notices() {
    let (engine, faults) = faulty();
    faults
        .commits
        .lock()
        .unwrap()
        .extend([StoreErrorKind::Conflict; 3]);
    assert_eq!(
        send(&engine, "scada", "alice", "x").await.unwrap().position,
        1
    );
    assert_eq!(heads(&engine).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_the_store_refuses_fails_alone() {
    let (engine, faults) = faulty();
    *faults.poison.lock().unwrap() = Some(("poison".to_owned(), StoreErrorKind::Refused));
    faults.close_gate();
    plug(&engine).await;
    let sends: Vec<_> = ["one", "poison", "two"]
        .map(|text| {
            let engine = engine.clone();
            tokio::spawn(async move { (text, send(&engine, "scada", "alice", text).await) })
        })
        .into_iter()
        .collect();
    while engine.queued_rows() < 3 * 4 {
        tokio::task::yield_now().await;
    }
    faults.open_gate();
    for send in sends {
        let (text, result) = send.await.unwrap();
        match result {
            Ok(_) => assert_ne!(text, "poison"),
            Err(error) => {
                assert_eq!((text, error.code), ("poison", ErrorCode::Internal));
                assert!(!error.detail.contains("SELECT"), "{}", error.detail);
            }
        }
    }
    assert_eq!(heads(&engine).await, 2);
    assert!(engine.ready().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_one_command_and_the_engine_lives() {
    let (engine, faults) = faulty();
    *faults.panic_on.lock().unwrap() = Some("boom".to_owned());
    assert_eq!(
        send(&engine, "scada", "boom", "x").await.unwrap_err().code,
        ErrorCode::Internal
    );
    assert_eq!(
        send(&engine, "scada", "alice", "x").await.unwrap().position,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_goes_on_by_itself_when_there_is_room() {
    let (engine, faults) = faulty();
    send(&engine, "scada", "alice", "before").await.unwrap();
    *faults.always.lock().unwrap() = Some(StoreErrorKind::Full);
    let error = send(&engine, "scada", "alice", "during").await.unwrap_err();
    assert_eq!(
        (error.code, error.retry_after_s),
        (ErrorCode::StorageFull, Some(1))
    );
    assert_eq!(engine.ready().unwrap_err().code, ErrorCode::StorageFull);
    assert_eq!(heads(&engine).await, 1, "what was there can be read");
    *faults.always.lock().unwrap() = None;
    // The engine notices by itself, without a caller's command.
    while engine.ready().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        send(&engine, "scada", "alice", "after")
            .await
            .unwrap()
            .position,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_fsync_nothing_is_called_durable_any_more() {
    let (engine, faults) = faulty();
    send(&engine, "scada", "alice", "before").await.unwrap();
    faults
        .commits
        .lock()
        .unwrap()
        .push_back(StoreErrorKind::Lost);
    assert_eq!(
        send(&engine, "scada", "alice", "during")
            .await
            .unwrap_err()
            .code,
        ErrorCode::StorageUnavailable
    );
    engine.lost().await;
    assert!(engine.ready().is_err());
    assert_eq!(
        send(&engine, "scada", "alice", "after")
            .await
            .unwrap_err()
            .code,
        ErrorCode::Stopping
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_says_nothing_the_engine_is_not_ready_and_takes_nothing_more() {
    let (engine, faults) = faulty();
    send(&engine, "scada", "alice", "before").await.unwrap();
    faults.close_gate();
    let held = {
        let engine = engine.clone();
        tokio::spawn(async move { send(&engine, "scada", "alice", "during").await })
    };
    while *faults.waited.lock().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { send(&engine, "scada", "alice", "behind").await })
    };
    while engine.ready().is_ok() {
        tokio::task::yield_now().await;
    }
    // Whoever comes now is told at once, and so is who waited: they may go to another node.
    for refused in [
        send(&engine, "scada", "alice", "refused").await,
        waiting.await.unwrap(),
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::StorageUnavailable);
    }
    faults.open_gate();
    // What was under way is answered when it is known what became of it.
    assert_eq!(held.await.unwrap().unwrap().position, 2);
    while engine.ready().is_err() {
        tokio::task::yield_now().await;
    }
    let after = send(&engine, "scada", "alice", "after").await;
    assert_eq!(after.unwrap().position, 3);
}
