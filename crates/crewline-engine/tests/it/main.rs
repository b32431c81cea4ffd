//! The engine on the store in memory, and on one that fails when it is told to.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fault;
mod flush;
mod follow;
mod keep;
mod nodes;
mod queue;
mod sim;
mod trouble;

use std::sync::Arc;

use crewline_api::{ApiError, NewMessage, SentMessage};
use crewline_core::{
    Answer, Command, DeviceNo, MemoryStore, ParticipantNo, SendCommand, Settings, UnknownRecipients,
};
use crewline_engine::{Engine, Options, SystemClock};

/// Settings under which nobody needs to be in the directory.
fn options() -> Options {
    Options {
        settings: Settings {
            unknown_recipients: UnknownRecipients::Accept,
        },
        ..Options::default()
    }
}

fn engine() -> Engine {
    Engine::start(
        MemoryStore::new("test").open(),
        options(),
        Arc::new(SystemClock),
    )
    .unwrap()
}

fn message(from: &str, to: &str, text: &str) -> Command {
    let message = NewMessage::builder(from, from, text)
        .to(to)
        .build()
        .unwrap();
    Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
}

async fn send(engine: &Engine, from: &str, to: &str, text: &str) -> Result<SentMessage, ApiError> {
    match engine.submit(message(from, to, text)).await? {
        Answer::Sent { sent, .. } => Ok(sent),
        other => panic!("{other:?}"),
    }
}

/// The number of a participant who is known.
async fn no(engine: &Engine, id: &'static str) -> ParticipantNo {
    let row = engine.read(move |reader| reader.participant(&id.parse().unwrap()));
    row.await.unwrap().unwrap().no
}

/// Lets the writer take one command, on which it waits at the closed gate: what comes after it stays in the queue.
async fn plug(engine: &Engine) {
    let (plugged, command) = (engine.clone(), message("plug", "nobody", "plug"));
    // Polled once, it is in the queue; its answer comes when the gate is open, and nobody waits for it.
    let mut submitted = Box::pin(async move { plugged.submit(command).await });
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(submitted.as_mut().poll(context).is_pending())
    });
    assert!(polled.await);
    while engine.queued_rows() > 0 {
        tokio::task::yield_now().await;
    }
}
