//! Crewline in your process: the engine and an embedded store behind one call.
//!
//! ```
//! use crewline::{ChatApi, Crewline, NewMessage};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("crewline.db");
//! let crewline = Crewline::open(path).await?;
//! let message = NewMessage::builder("scada", "SCADA", "Breaker 1204 has tripped").to("alice").build()?;
//! let sent = crewline.send_message(message).await?;
//!
//! // Alice's device and Alice herself, by whatever way you reach them:
//! let alice = crewline.person("alice").await?;
//! alice.read(sent.message_id).await?;
//! alice.reply(sent.chat_id, "On my way").await?;
//!
//! let mut replies = crewline.receive_messages("scada".parse()?);
//! let reply = crewline::next(&mut replies).await.expect("the stream does not end")?;
//! assert_eq!((reply.from_user_id.as_str(), reply.message.as_str()), ("alice", "On my way"));
//! # drop(replies);
//! # crewline.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything that was answered is durable, and survives a kill of the process: open the same file again, and go on.
//! Who embeds Crewline is trusted: it acts as every external and every person. Recipients need not be in a directory;
//! their messages wait until they first appear.

mod person;

use std::path::Path;
use std::sync::Arc;

pub use crewline_api::*;
use crewline_core::{Reader, Settings, StoreError, UnknownRecipients};
pub use crewline_engine::Consumer;
use crewline_engine::{Engine, Options, SystemClock};
use futures_util::{Stream, StreamExt as _};
pub use person::Person;

/// A Crewline in this process. Clones are handles on the same one; when the last is dropped, it finishes what it has
/// accepted and closes the file.
#[derive(Clone)]
pub struct Crewline {
    engine: Engine,
}

/// Why a store could not be opened: which file, what is wrong with it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self(error.detail)
    }
}

impl Crewline {
    /// Opens a store, or makes it. It belongs to this process until it is closed.
    ///
    /// # Errors
    /// Where the file cannot be opened or written, belongs to another process or a newer version, or is damaged.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let options = crewline_store_sqlite::Options::new(path.as_ref());
        let opened =
            tokio::task::spawn_blocking(move || crewline_store_sqlite::open(&options)).await;
        let opened = opened
            .map_err(|error| OpenError(format!("opening the store was interrupted: {error}")))??;
        let settings = Settings {
            unknown_recipients: UnknownRecipients::Accept,
        };
        let options = Options {
            settings,
            ..Options::default()
        };
        let engine = Engine::start(opened, options, Arc::new(SystemClock))?;
        Ok(Self { engine })
    }

    /// A person, to act as: with a device of their own. Someone who is not in the directory is added.
    ///
    /// # Errors
    /// Where the id belongs to an external, or the store does not take writes.
    pub async fn person(&self, id: &str) -> Result<Person, ApiError> {
        Person::open(self.engine.clone(), id).await
    }

    /// A consumer of the log of an external: pages of events, confirmed under the name `cursor` when they are done.
    ///
    /// [`ChatApi::receive_messages`] and [`ChatApi::receive_payloads`] are such consumers with names of their own.
    pub fn consumer(&self, id: ParticipantId, cursor: CursorName, kinds: EventKinds) -> Consumer {
        self.engine.consumer(id, cursor, kinds)
    }

    /// The externals that have events of these kinds which were not confirmed under this name: whom a consumer that starts
    /// has something for.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn waiting(
        &self,
        cursor: CursorName,
        kinds: EventKinds,
    ) -> Result<Vec<ParticipantId>, ApiError> {
        let read = move |reader: &dyn Reader| waiting(reader, &cursor, kinds);
        self.engine.read(read).await
    }

    /// Finishes what was accepted, and closes the file.
    pub async fn close(self) {
        self.engine.stop().await;
    }
}

fn waiting(
    reader: &dyn Reader,
    cursor: &CursorName,
    kinds: EventKinds,
) -> Result<Vec<ParticipantId>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = reader.people("", after.as_deref(), limits::PAGE_MAX)?;
        let externals = page.people.into_iter();
        for external in externals.filter(|person| person.kind == ParticipantKind::External) {
            let Some(row) = reader.participant(&external.user_id)? else {
                continue;
            };
            let behind = reader.cursor(row.no, cursor)?.map_or(0, |row| row.seq);
            let page = reader.log(row.no, behind, kinds, 1)?;
            // One reading looks at so many rows; where it has not come to the end, there may be something.
            if !page.events.is_empty() || page.next < page.head {
                found.push(external.user_id);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

impl ChatApi for Crewline {
    fn send_message(&self, message: NewMessage) -> BoxFuture<'_, Result<SentMessage, ApiError>> {
        self.engine.send_message(message)
    }

    fn create_chat(
        &self,
        from: ParticipantId,
        to: Vec<ParticipantId>,
    ) -> BoxFuture<'_, Result<Chat, ApiError>> {
        self.engine.create_chat(from, to)
    }

    fn receive_messages(
        &self,
        to: ParticipantId,
    ) -> BoxStream<'_, Result<ReceivedMessage, ApiError>> {
        self.engine.receive_messages(to)
    }

    fn receive_payloads(
        &self,
        from: ParticipantId,
    ) -> BoxStream<'_, Result<PayloadFired, ApiError>> {
        self.engine.receive_payloads(from)
    }
}

/// The next item of a stream: `futures::StreamExt::next`, for those who have no such crate.
pub async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    stream.next().await
}

/// The examples of the book, so that they keep working.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/tutorial-programs.md")]
    mod tutorial {}
    #[doc = include_str!("../../../docs/tutorial-rust.md")]
    mod first_integration {}
    #[doc = include_str!("../../../docs/howto-embed.md")]
    mod embed {}
}
