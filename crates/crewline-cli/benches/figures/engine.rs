//! The engine in this process: the same messages, each answered when it is durable.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crewline_api::NewMessage;
use crewline_core::{Command, DeviceNo, Opened, SendCommand, Settings, UnknownRecipients};
use crewline_engine::{Engine, Options, Others, SystemClock};
use crewline_store_sqlite::Options as StoreOptions;

use crate::machine::{Turn, cpu};
use crate::{PEOPLE, TEXT};

/// A message to one of the people.
pub(crate) fn message(to: usize) -> Command {
    let message = NewMessage::builder("scada", "SCADA", TEXT)
        .to(format!("user-{}", 1 + to % PEOPLE))
        .build()
        .unwrap();
    Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
}

pub(crate) fn start(path: &Path, checkpoint_pages: Option<u32>) -> Engine {
    let mut options = StoreOptions::new(path);
    options.checkpoint_pages = checkpoint_pages.unwrap_or(options.checkpoint_pages);
    start_on(crewline_store_sqlite::open(&options).unwrap())
}

fn start_on(opened: Opened) -> Engine {
    Engine::start(opened, options(), Arc::new(SystemClock)).unwrap()
}

/// As one of several on its store.
pub(crate) fn start_among(others: Others, opened: Opened) -> Engine {
    Engine::start_among(others, opened, options(), Arc::new(SystemClock)).unwrap()
}

fn options() -> Options {
    let settings = Settings {
        unknown_recipients: UnknownRecipients::Accept,
    };
    Options {
        settings,
        ..Options::default()
    }
}

/// A runtime with a thread for each message in flight, at most two: a second thread that has nothing to do is woken all
/// the same, and looks for work at the expense of the one that has.
pub(crate) fn runtime(in_flight: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(in_flight.min(2))
        .enable_all()
        .build()
        .unwrap()
}

/// Sends from so many tasks at once, to the engines in turn, each the next message when the one before is durable, until `done`.
pub(crate) async fn send(
    engines: &[Engine],
    in_flight: usize,
    next: &Arc<AtomicU64>,
    done: impl Fn(u64) -> bool + Clone + Send + 'static,
) {
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (engines, next, done) = (engines.to_vec(), Arc::clone(next), done.clone());
            tokio::spawn(async move {
                loop {
                    let no = next.load(Ordering::Relaxed);
                    if done(no) {
                        return;
                    }
                    let no = next.fetch_add(1, Ordering::Relaxed);
                    let engine = &engines[no as usize % engines.len()];
                    engine.submit(message(no as usize)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Every chat has a message, so that all are known, as they are in a server that runs.
pub(crate) async fn warm_up(engines: &[Engine]) {
    send(engines, 64, &Arc::default(), |no| no >= PEOPLE as u64).await;
}

pub(crate) fn run(path: &Path, in_flight: usize, time: Duration) -> Turn {
    run_on(|| vec![start(path, None)], in_flight, time)
}

/// The same with other engines.
pub(crate) fn run_on(
    start: impl FnOnce() -> Vec<Engine>,
    in_flight: usize,
    time: Duration,
) -> Turn {
    runtime(in_flight).block_on(async {
        let engines = start();
        warm_up(&engines).await;
        let (begun, used, next) = (Instant::now(), cpu("self"), Arc::new(AtomicU64::new(0)));
        send(&engines, in_flight, &next, move |_| begun.elapsed() >= time).await;
        let turn = Turn {
            messages: next.load(Ordering::Relaxed),
            time: begun.elapsed(),
            cpu: cpu("self").saturating_sub(used),
        };
        for engine in engines {
            engine.stop().await;
        }
        turn
    })
}

/// Bytes of WAL for each message.
pub(crate) fn wal_bytes(path: &Path, in_flight: usize) -> f64 {
    runtime(in_flight).block_on(async {
        let engine = [start(path, Some(u32::MAX))];
        warm_up(&engine).await;
        let wal = || {
            std::fs::metadata(path.with_extension("db-wal"))
                .unwrap()
                .len()
        };
        let (before, count) = (wal(), (20_000 / in_flight).clamp(10, 500) * in_flight);
        send(&engine, in_flight, &Arc::default(), move |no| {
            no >= count as u64
        })
        .await;
        let bytes = (wal() - before) as f64 / count as f64;
        engine[0].stop().await;
        bytes
    })
}
