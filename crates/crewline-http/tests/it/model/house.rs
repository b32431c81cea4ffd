//! An engine on a SQLite store in a folder of its own, or on a database of PostgreSQL, with a clock that the play moves.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crewline_api::{ApiError, EventKinds, Seq, Timestamp};
use crewline_core::needs::{Locks, Wanted};
use crewline_core::{
    Answer, BatchId, Changes, Command, Directory, DirectoryError, Flush, LogPage, Nodes, Opened,
    ParticipantNo, Pass, Reader, Retention, Settings, State, StoreError, UserChange, Writer,
};
use crewline_engine::{Clock, Engine, Options};
use crewline_store_sqlite::admin::{self, RestoreOptions};
use crewline_testkit::Random;
use crewline_testkit::model::{Act, Core, PASSWORD, START};
use crewline_testkit::postgres::Postgres;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::rig::PATIENCE;

/// A clock that stands until the play moves it, and counts instead of throwing dice.
struct PlayClock {
    now: AtomicI64,
    count: AtomicU64,
}

impl Clock for PlayClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }

    fn random(&self) -> u64 {
        Random::new(self.count.fetch_add(1, Ordering::Relaxed)).bits()
    }
}

/// A writer that tells when a pass of the retention is done.
struct Telling {
    inner: Box<dyn Writer>,
    done: mpsc::Sender<()>,
}

impl Writer for Telling {
    fn begin(&mut self) -> Result<bool, StoreError> {
        self.inner.begin()
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        self.inner.load(wanted, state)
    }

    fn lock(&mut self, locks: &mut dyn FnMut() -> Locks) -> Result<(), StoreError> {
        self.inner.lock(locks)
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.inner.save(changes)
    }

    /// As on a disk that takes a while: so batches wait for each other.
    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError> {
        let flush = self.inner.write(batch, more)?;
        Ok(Some(Box::new(move || {
            std::thread::yield_now();
            flush.map_or(Ok(()), |flush| flush())
        })))
    }

    fn abort(&mut self) {
        self.inner.abort();
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.inner.probe()
    }

    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        // Fewer rows than the engine would take, so that a play's few make several steps.
        self.inner.prune(pass, rows.min(5))?;
        if pass.is_done() {
            // Whoever does not listen any more needs not know.
            let _ = self.done.try_send(());
        }
        Ok(())
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        self.inner.nodes()
    }

    fn directory(&mut self) -> &mut dyn Directory {
        self.inner.directory()
    }
}

/// Where the store is.
enum Place {
    /// A file in this folder.
    Folder(TempDir),
    /// A database, by its address, and the server that has it.
    Database(Arc<Postgres>, String),
}

impl Place {
    fn open(&self) -> Opened {
        match self {
            Self::Folder(folder) => {
                let options = crewline_store_sqlite::Options {
                    synchronous_full: false,
                    ..crewline_store_sqlite::Options::new(store_in(folder.path()))
                };
                crewline_store_sqlite::open(&options).unwrap()
            }
            Self::Database(_, url) => {
                let options = crewline_store_postgres::Options::new(url);
                crewline_store_postgres::open(&options).unwrap()
            }
        }
    }

    /// The folder; a play on a database makes no backups.
    fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Database(..) => panic!("a database has backups of its own"),
        }
    }
}

/// See the module.
pub(crate) struct House {
    place: Place,
    backups: TempDir,
    /// How many backups were made; the last one counts.
    backup: u32,
    restores: u32,
    clock: Arc<PlayClock>,
    settings: Settings,
    reader: Arc<dyn Reader>,
    engine: Engine,
}

/// Ends every other connection to a database, as the death of whoever had them does.
const CUT: &str = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("crewline-model-")
        .tempdir()
        .unwrap()
}

fn store_in(folder: &Path) -> PathBuf {
    folder.join("crewline.db")
}

impl House {
    /// On an empty store in a file.
    pub(crate) fn new(settings: Settings) -> Self {
        Self::on(Place::Folder(folder()), settings)
    }

    /// On an empty database.
    pub(crate) fn on_postgres(server: &Arc<Postgres>, settings: Settings) -> Self {
        let url = server.database();
        Self::on(Place::Database(Arc::clone(server), url), settings)
    }

    fn on(place: Place, settings: Settings) -> Self {
        let clock = Arc::new(PlayClock {
            now: AtomicI64::new(START.as_millis()),
            count: AtomicU64::new(1),
        });
        let (engine, reader) = start(&place, settings, &clock, None);
        Self {
            place,
            backups: folder(),
            backup: 0,
            restores: 0,
            clock,
            settings,
            reader,
            engine,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Moves the directory's version, and changes nothing.
    ///
    /// What is open watches for its end by timers of its own, which know nothing of the play's clock: they would sleep for
    /// a month. The sweep that a change of the directory sets off asks the clock.
    pub(crate) async fn nudge(&mut self) {
        let ann = "ann".parse().unwrap();
        // Nobody ever shuts this one out.
        let act = Act::Change(ann, UserChange::Enable);
        self.directory(act).await.unwrap();
    }

    fn last_backup(&self) -> PathBuf {
        self.backups.path().join(format!("{}.db", self.backup))
    }

    /// Another folder with the files as they are now: what a process that is killed leaves behind.
    fn leave_behind(&self) -> TempDir {
        let left = folder();
        for name in ["crewline.db", "crewline.db-wal"] {
            let from = self.place.folder().join(name);
            if from.exists() {
                std::fs::copy(from, left.path().join(name)).unwrap();
            }
        }
        left
    }
}

fn start(
    place: &Place,
    settings: Settings,
    clock: &Arc<PlayClock>,
    kept: Option<(Retention, mpsc::Sender<()>)>,
) -> (Engine, Arc<dyn Reader>) {
    let mut opened = place.open();
    let reader = Arc::clone(&opened.reader);
    let clock: Arc<dyn Clock> = clock.clone();
    let retention = kept.as_ref().map(|(retention, _)| *retention);
    if let Some((_, done)) = kept {
        let inner = opened.writer;
        opened.writer = Box::new(Telling { inner, done });
    }
    (
        Engine::start(
            opened,
            Options {
                settings,
                retention,
                audit_keep: None,
            },
            clock,
        )
        .unwrap(),
        reader,
    )
}

impl Core for House {
    fn name(&self) -> &'static str {
        match self.place {
            Place::Folder(_) => "engine on SQLite",
            Place::Database(..) => "engine on PostgreSQL",
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn set_time(&mut self, now: Timestamp) {
        self.clock.now.store(now.as_millis(), Ordering::Relaxed);
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.reader)
    }

    async fn submit(&mut self, command: Command) -> Result<Answer, ApiError> {
        self.engine.submit(command).await
    }

    async fn page(
        &mut self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, ApiError> {
        let page = self.engine.page(participant, after, kinds, limit).await?;
        Ok(LogPage {
            events: page
                .events
                .iter()
                .map(|event| event.event().clone())
                .collect(),
            next: page.next,
            head: page.head,
            // An engine judges the place by itself.
            oldest: 1,
        })
    }

    async fn directory(&mut self, act: Act) -> Result<Value, DirectoryError> {
        let carry_out = move |directory: &mut dyn Directory, now| act.carry_out(directory, now);
        self.engine.directory(carry_out).await.unwrap()
    }

    fn follow(&mut self, participant: ParticipantNo) -> Box<dyn Any> {
        Box::new(self.engine.follow(participant, 0, EventKinds::ALL))
    }

    fn password(&self) -> String {
        static HASH: OnceLock<String> = OnceLock::new();
        HASH.get_or_init(|| crewline_http::password::hash(PASSWORD).unwrap())
            .clone()
    }

    async fn restart(&mut self, crash: bool) {
        let mut left = None;
        match &self.place {
            Place::Folder(_) => left = crash.then(|| self.leave_behind()),
            Place::Database(server, url) if crash => drop(server.sql(url, CUT)),
            Place::Database(..) => {}
        }
        self.engine.stop().await;
        if let Some(left) = left {
            self.place = Place::Folder(left);
        }
        (self.engine, self.reader) = start(&self.place, self.settings, &self.clock, None);
    }

    async fn keep(&mut self, retention: Retention) {
        self.engine.stop().await;
        let (done, mut kept) = mpsc::channel(1);
        let kept_by = Some((retention, done));
        (self.engine, self.reader) = start(&self.place, self.settings, &self.clock, kept_by);
        let passed = timeout(PATIENCE, kept.recv()).await;
        passed.expect("what is old is looked for at the start");
    }

    async fn backup(&mut self) {
        self.backup += 1;
        let made = admin::backup(&store_in(self.place.folder()), &self.last_backup());
        made.expect("a backup is made beside the server");
    }

    async fn restore(&mut self, by_hand: bool) {
        if self.backup == 0 {
            return self.restart(false).await;
        }
        self.engine.stop().await;
        // Elsewhere: what of the server still ends holds the old file open.
        let left = self.leave_behind();
        let (from, to) = (self.last_backup(), store_in(left.path()));
        self.restores += 1;
        if by_hand {
            for name in ["crewline.db", "crewline.db-wal"] {
                let old = left.path().join(name);
                if old.exists() {
                    std::fs::remove_file(old).unwrap();
                }
            }
            std::fs::copy(from, to).unwrap();
        } else {
            let options = RestoreOptions {
                replace: true,
                revoke_sessions: false,
                stamp: format!("play{}", self.restores),
                note: None,
            };
            admin::restore(&from, &to, &options, Box::new(|_, _| {})).expect("it is restored");
        }
        self.place = Place::Folder(left);
        (self.engine, self.reader) = start(&self.place, self.settings, &self.clock, None);
    }
}
