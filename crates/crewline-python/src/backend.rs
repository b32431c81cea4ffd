//! Where the engine is: in this process, or behind a server. And the runtime that serves either.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crewline::Crewline;
use crewline_api::{ApiError, Chat, ChatApi, ErrorCode, NewMessage, ParticipantId, SentMessage};
use crewline_client::Client;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Calls of one handle under way. More of them are refused.
const CALLS_MAX: u32 = 16_384;
/// Threads of the runtime. Callers wait in threads of their own; these carry sockets.
const WORKERS: usize = 2;

/// The engine, wherever it is.
#[derive(Clone)]
pub(crate) enum Backend {
    Embedded(Crewline),
    Remote(Client),
}

impl Backend {
    pub(crate) async fn send(&self, message: NewMessage) -> Result<SentMessage, ApiError> {
        match self {
            Self::Embedded(crewline) => crewline.send_message(message).await,
            Self::Remote(client) => client.send_message(message).await,
        }
    }

    pub(crate) async fn create_chat(
        &self,
        from: ParticipantId,
        to: Vec<ParticipantId>,
    ) -> Result<Chat, ApiError> {
        match self {
            Self::Embedded(crewline) => crewline.create_chat(from, to).await,
            Self::Remote(client) => ChatApi::create_chat(client, from, to).await,
        }
    }
}

/// A runtime and a backend, shared by a handle and what it has given out.
pub(crate) struct Shared {
    /// The process that made it. A child by `fork` has none of its threads, and must not wait for them.
    process: u32,
    runtime: Handle,
    owned: Mutex<Option<Owned>>,
    calls: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

/// What ends with the handle.
struct Owned {
    runtime: ManuallyDrop<Runtime>,
    backend: ManuallyDrop<Backend>,
}

impl Shared {
    fn new(runtime: Runtime, backend: Backend) -> Arc<Self> {
        Arc::new(Self {
            process: std::process::id(),
            runtime: runtime.handle().clone(),
            owned: Mutex::new(Some(Owned {
                runtime: ManuallyDrop::new(runtime),
                backend: ManuallyDrop::new(backend),
            })),
            calls: Arc::new(Semaphore::new(CALLS_MAX as usize)),
            closing: watch::Sender::new(false),
        })
    }

    /// The engine in this process.
    pub(crate) fn open(path: PathBuf) -> Result<Arc<Self>, ApiError> {
        let runtime = runtime()?;
        let opened = runtime.block_on(Crewline::open(path));
        let opened = opened
            .map_err(|error| ApiError::new(ErrorCode::StorageUnavailable, error.to_string()))?;
        Ok(Self::new(runtime, Backend::Embedded(opened)))
    }

    /// A server. Nothing is connected yet.
    pub(crate) fn connect(
        url: &str,
        token: &str,
        ca_file: Option<PathBuf>,
        patience: Duration,
    ) -> Result<Arc<Self>, ApiError> {
        let runtime = runtime()?;
        let mut builder = Client::builder(url, token)
            .patience(patience)
            .user_agent(concat!("crewline-python/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = ca_file {
            builder = builder.ca_file(file);
        }
        let client = {
            let _inside = runtime.enter();
            builder.build()?
        };
        Ok(Self::new(runtime, Backend::Remote(client)))
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Whether this is the process that made it.
    pub(crate) fn is_at_home(&self) -> bool {
        self.process == std::process::id()
    }

    /// Resolves when the handle is being closed.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.closing.subscribe();
        async move {
            // A sender that is gone has closed, too.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// The backend for one call, and a place among the calls under way.
    ///
    /// # Errors
    /// Where the handle is closed, is another process's, or has too many calls under way.
    pub(crate) fn enter(&self) -> Result<(Backend, OwnedSemaphorePermit), ApiError> {
        self.check()?;
        let permit = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| {
            let detail = format!("{CALLS_MAX} calls of this handle are under way. Wait for some.");
            self.check()
                .err()
                .unwrap_or(ApiError::new(ErrorCode::Busy, detail))
        })?;
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        let owned = owned.as_ref().ok_or_else(crate::error::closed)?;
        Ok(((*owned.backend).clone(), permit))
    }

    fn check(&self) -> Result<(), ApiError> {
        if !self.is_at_home() {
            return Err(crate::error::forked());
        }
        if *self.closing.borrow() {
            return Err(crate::error::closed());
        }
        Ok(())
    }

    /// Waits for calls under way, and ends everything. Calls of a server that may wait long are cut short.
    pub(crate) fn close(&self) {
        if !self.is_at_home() {
            return;
        }
        self.closing.send_replace(true);
        // Whoever comes second waits for the first, so that everything has ended for both.
        let _all = self.runtime.block_on(self.calls.acquire_many(CALLS_MAX));
        let owned = self
            .owned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(owned) = owned {
            let runtime = ManuallyDrop::into_inner(owned.runtime);
            let backend = ManuallyDrop::into_inner(owned.backend);
            if let Backend::Embedded(crewline) = backend {
                runtime.block_on(crewline.close());
            }
            drop(runtime);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // In a child by fork nothing is dropped: the threads to wait for are the parent's.
        self.close();
    }
}

fn runtime() -> Result<Runtime, ApiError> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("crewline")
        .enable_all()
        .build()
        .map_err(|error| {
            let detail = format!("the machine gives no threads: {error}");
            ApiError::new(ErrorCode::Internal, detail)
        })
}
