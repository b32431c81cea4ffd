//! The engine as edges see it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crewline_api::{ApiError, ErrorCode, Timestamp};
use crewline_core::{
    Answer, Command, Fence, Opened, Origin, Reader, Retention, Settings, State, StoreError,
    StoreErrorKind,
};
use tokio::sync::{Semaphore, oneshot, watch};
use tracing::error;

use crate::Clock;
use crate::flush::Flusher;
use crate::gather::Gathering;
use crate::health::Health;
use crate::hub::Hub;
use crate::lease::Leases;
use crate::nodes::{Among, Others};
use crate::present::Presence;
use crate::queue::{Pending, Queue};
use crate::simulated::Gate;
use crate::writer::WriterLoop;

/// Readings of the store at once. More wait: a store has only a few readers.
const READS_MAX: usize = 8;

/// How an engine works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What decisions depend on.
    pub settings: Settings,
    /// What is removed when it is old; nothing, where it is left out.
    pub retention: Option<Retention>,
    /// How long the audit is kept; for ever, where it is left out.
    pub audit_keep: Option<Duration>,
}

pub(crate) struct Inner {
    pub(crate) queue: Arc<Queue>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory_version: watch::Sender<u64>,
    pub(crate) hub: Arc<Hub>,
    /// What there is to do with other nodes; nothing, where there are none.
    pub(crate) among: Option<Arc<Among>>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) presence: Arc<Presence>,
    /// Where there are no threads, because it is simulated: whether it goes on.
    pub(crate) gate: Option<Gate>,
    flusher: Arc<Flusher>,
    pub(crate) health: Arc<Health>,
    reads: Arc<Semaphore>,
    epoch: String,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    /// Whoever drops the last handle waits for the writer, so that the store is closed afterwards.
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(writer) = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            let _ = writer.join();
        }
    }
}

/// A running engine. Clones are handles on the same one; when the last is dropped, it finishes what it has accepted
/// and closes the store.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    /// Under which lease this handle's acts on the directory are written.
    pub(crate) fence: Option<Fence>,
}

impl Engine {
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self { inner, fence: None }
    }

    /// Starts the writer on a store. Must be called inside of a tokio runtime.
    ///
    /// # Errors
    /// Where the store cannot be read, or the machine gives no thread.
    pub fn start(
        opened: Opened,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Self::begin(None, None, opened, options, clock)
    }

    /// Starts it as one of several nodes on the store.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_among(
        others: Others,
        opened: Opened,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Self::begin(Some(others), None, opened, options, clock)
    }

    /// Starts it as one of several nodes of a simulation: without threads, as far as the gate lets it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_simulated(
        gate: Gate,
        others: Others,
        opened: Opened,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Self::begin(Some(others), Some(gate), opened, options, clock)
    }

    fn begin(
        others: Option<Others>,
        gate: Option<Gate>,
        opened: Opened,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let Opened { writer, reader } = opened;
        let indexer = writer.indexer();
        let (queue, hub, health) = (
            Arc::<Queue>::default(),
            Arc::<Hub>::default(),
            Arc::<Health>::default(),
        );
        let epoch = reader.epoch()?;
        let directory_version = watch::Sender::new(reader.directory_version()?);
        // Who is alone needs no name.
        let node = others.as_ref().map_or(1, |_| clock.random().max(2));
        let leases = Leases::new(node, others.as_ref().map(|others| others.life));
        let among = others.map(|others| {
            let epoch = epoch.clone();
            Arc::new(Among::new(others, Origin { epoch, node }))
        });
        let flusher = Flusher::new(
            Arc::clone(&hub),
            among.clone(),
            Arc::clone(&health),
            Arc::clone(&queue),
        );
        let flusher = Arc::new(flusher);
        let writer = WriterLoop {
            writer,
            queue: Arc::clone(&queue),
            hub: Arc::clone(&hub),
            flusher: Arc::clone(&flusher),
            health: Arc::clone(&health),
            clock: Arc::clone(&clock),
            settings: options.settings,
            state: State::default(),
            in_turn: gate.is_some(),
            gathering: Gathering::default(),
            gathers: false,
            batch: 0,
        };
        let inner = Inner {
            queue,
            reader,
            clock,
            directory_version,
            hub,
            among,
            leases: Arc::new(leases),
            presence: Arc::default(),
            gate,
            flusher,
            health,
            reads: Arc::new(Semaphore::new(READS_MAX)),
            epoch,
            writer: Mutex::new(None),
        };
        let engine = Self::of(Arc::new(inner));
        engine.write_with(writer)?;
        engine.watch_directory();
        engine.refuse_behind_a_stall();
        engine.join();
        engine.keep_leases();
        engine.keep_present();
        if let Some(retention) = options.retention {
            engine.keep(retention);
        }
        engine.index(indexer);
        if let Some(keep) = options.audit_keep {
            engine.forget_audit(keep);
        }
        Ok(engine)
    }

    /// Starts the writer: a thread, and one that waits for the disk; in a simulation a task.
    fn write_with(&self, writer: WriterLoop) -> Result<(), StoreError> {
        let inner = &self.inner;
        if let Some(gate) = inner.gate.clone() {
            tokio::spawn(async move { gate.through(writer.run_in_turn()).await });
            return Ok(());
        }
        let flushing = inner.flusher.start()?;
        let thread = std::thread::Builder::new()
            .name("crewline-writer".to_owned())
            .spawn(move || writer.run(flushing));
        let thread = thread.map_err(|error| {
            inner.flusher.stop();
            StoreError::new(
                StoreErrorKind::Unavailable,
                format!("the machine gives no thread for the writer: {error}"),
            )
        })?;
        *inner.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Carries a command out, and returns when it is durable.
    ///
    /// # Errors
    /// The refusal of the command; 429 and 503 where there is no room or the store does not take writes. After any
    /// error nothing was written.
    ///
    /// # Cancellation
    /// A command that was taken is carried out, whether its caller waits or not.
    pub async fn submit(&self, command: Command) -> Result<Answer, ApiError> {
        self.enqueue(command)?.await
    }

    /// Puts a command into the queue now, and returns what becomes its answer: so the commands of one caller are carried
    /// out in the order in which they came, while many wait for their answers.
    ///
    /// # Errors
    /// 429 and 503 where there is no room; of the future, those of [`Engine::submit`].
    ///
    /// # Cancellation
    /// The command is carried out, whether the future is awaited or not.
    pub fn enqueue(
        &self,
        command: Command,
    ) -> Result<impl Future<Output = Result<Answer, ApiError>> + Send + 'static, ApiError> {
        self.inner.health.not_stalled()?;
        let (sender, answer) = oneshot::channel();
        let span = tracing::Span::current();
        self.inner.queue.push(Pending {
            command,
            answer: sender,
            entered: Instant::now(),
            span,
        })?;
        Ok(async move { answer.await.unwrap_or_else(|_| Err(stopped())) })
    }

    /// Reads from the store, on a thread that may block. An error of the store is logged, and told as 503 or 500.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read<T, F>(&self, read: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    {
        // The semaphore lives as long as the engine, and is never closed.
        let permit = Arc::clone(&self.inner.reads)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;
        let reader = Arc::clone(&self.inner.reader);
        let flusher = Arc::clone(&self.inner.flusher);
        let span = tracing::Span::current();
        let reading = move || {
            let _permit = permit;
            let read = || {
                let found = read(reader.as_ref())?;
                // A batch is seen before it is durable.
                flusher.wait_for_what_was_seen()?;
                Ok(found)
            };
            span.in_scope(|| read().map_err(|error| read_failed(&error)))
        };
        if self.inner.gate.is_some() {
            return reading();
        }
        let task = tokio::task::spawn_blocking(reading);
        task.await.unwrap_or_else(|_| {
            Err(ApiError::new(
                ErrorCode::Internal,
                "Something went wrong in the server.",
            ))
        })
    }

    /// Names the log; it changes when the store is restored.
    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// 32 random bytes, for a secret.
    pub fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.inner.clock.random().to_ne_bytes());
        }
        bytes
    }

    /// Rows that wait for the writer.
    pub fn queued_rows(&self) -> usize {
        self.inner.queue.rows()
    }

    /// Works on something beside, for as long as the engine lives. The work must not keep the engine alive.
    pub(crate) fn upkeep(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Ends when the engine does: nothing is ever sent here but that there is nothing more.
        let mut ended = self.inner.directory_version.subscribe();
        let work = async move {
            tokio::select! {
                () = work => {}
                () = async { while ended.changed().await.is_ok() {} } => {}
            }
        };
        match self.inner.gate.clone() {
            None => tokio::spawn(work),
            Some(gate) => tokio::spawn(async move { gate.through(work).await.unwrap_or(()) }),
        };
    }

    /// Takes no more work, finishes what it has accepted, and closes the store.
    pub async fn stop(&self) {
        // Others need not wait until it is not heard of.
        self.end_leases().await;
        self.leave().await;
        self.inner.queue.stop();
        let writer = self
            .inner
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // Joining blocks until the last batch is durable.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

pub(crate) fn stopped() -> ApiError {
    ApiError::new(
        ErrorCode::Stopping,
        "The server is stopping. Try again in a moment.",
    )
}

pub(crate) fn read_failed(failure: &StoreError) -> ApiError {
    error!(error = %failure, "the store could not be read");
    match failure.kind {
        StoreErrorKind::Refused => {
            ApiError::new(ErrorCode::Internal, "Something went wrong in the server.")
        }
        _ => ApiError::new(
            ErrorCode::StorageUnavailable,
            "The store cannot be read now. Try again later.",
        ),
    }
}
