//! The task of one webhook: from its cursor on, one event after the other.

use std::collections::VecDeque;
use std::time::Duration;

use crewline_api::{ErrorCode, EventKinds, MessageId, Seq, WebhookFailure};
use crewline_core::{WebhookAct, WebhookRow};
use crewline_engine::{EncodedEvent, Engine, Follower, Held};
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::again::Again;
use crate::confirm::{self, Passed, TOGETHER_MAX, move_to};
use crate::event::{is_emergency, post, received};
use crate::post::{Answer, Poster};
use crate::refusal::{End, Ended, failed, forget, note, refusal, rest};
use crate::settings::Settings;

/// How many events are read at once, and how many are looked at behind one that fails.
const PAGE: usize = 100;
/// How many events of kinds that are not asked for are passed before the cursor is moved for them alone; where nothing
/// follows them, after how long.
const SKIPPED_MAX: u64 = 100;
const SKIPPED_LONG: Duration = Duration::from_secs(1);
/// How long to confirm after a task was stopped.
const CONFIRM_MAX: Duration = Duration::from_secs(3);
/// How long to look for an event behind the one that fails.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Where a task works.
pub(crate) struct At {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    /// It posts for as long as this stands.
    pub(crate) held: Held,
}

/// Works until it is stopped; what was taken is confirmed then.
pub(crate) async fn run(at: At, row: WebhookRow, stop: CancellationToken) {
    let At {
        engine,
        settings,
        held,
    } = at;
    let (sender, receiver) = mpsc::channel(TOGETHER_MAX);
    let confirming = tokio::spawn(confirm::run(engine.clone(), row.clone(), receiver));
    let again = Again {
        engine: engine.clone(),
        poster: Poster::new(&row, &settings).under(&held),
        row: row.clone(),
    };
    let work = async {
        let Ok(from) = begin(&engine, &row).await else {
            return;
        };
        let mut task = Task {
            follower: engine.follow(row.participant, from, EventKinds::ALL),
            poster: Poster::new(&row, &settings).under(&held),
            failing: row.failing.clone().filter(|_| row.rewind_to.is_none()),
            asked: None,
            pending: VecDeque::new(),
            passed: sender,
            passed_to: from,
            engine,
            settings,
            row,
        };
        let posting = async { while task.step().await.is_ok() {} };
        tokio::join!(posting, again.run());
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
    // The sender is gone with the work: what was taken until now is confirmed, and no more comes. Where the store takes no
    // writes nobody waits for that: it comes again.
    let abort = confirming.abort_handle();
    match tokio::time::timeout(CONFIRM_MAX, confirming).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "confirming ended by a fault"),
        Err(_) => abort.abort(),
    }
}

/// Where to begin: where the cursor stands, or where it is to go back to.
async fn begin(engine: &Engine, row: &WebhookRow) -> Ended<Seq> {
    let Some(to) = row.rewind_to else {
        return Ok(row.seq);
    };
    let no = row.no;
    loop {
        let rewound = engine.submit(move_to(row, to, true)).await;
        let noted = match rewound {
            Ok(_) => {
                let noted = engine.directory(move |directory, _| directory.webhook_rewound(no, to));
                noted
                    .await
                    .and_then(|noted| noted.map_err(|error| failed(&error)))
            }
            Err(error) => Err(error),
        };
        match noted {
            Ok(()) => {
                info!(
                    webhook = no.0,
                    from = to + 1,
                    "a webhook posts again what it has posted before"
                );
                return Ok(to);
            }
            Err(error) => rest(row, &error).await?,
        }
    }
}

struct Task {
    engine: Engine,
    settings: Settings,
    row: WebhookRow,
    follower: Follower,
    poster: Poster,
    /// Events that were read, the next one first; each of a kind that is asked for.
    pending: VecDeque<EncodedEvent>,
    /// What became of the next event so far, where it was refused.
    failing: Option<WebhookFailure>,
    /// How long its receiver asked to be left alone.
    asked: Option<Duration>,
    passed: mpsc::Sender<Passed>,
    /// Up to where everything was passed on.
    passed_to: Seq,
}

impl Task {
    /// Posts the next event, and sees to what comes of it.
    async fn step(&mut self) -> Ended<()> {
        if self.pending.is_empty() {
            return self.read().await;
        }
        let event = self.pending[0].clone();
        if let Some(failing) = self.failing.take_if(|failing| failing.seq != event.seq()) {
            // It was asked for by other kinds before: it is none of ours any more.
            self.forget(failing.seq).await;
        }
        if self.failing.is_some() {
            self.wait().await?;
        }
        let answer = self.post(&event).await;
        if answer.is_taken() {
            self.pending.pop_front();
            self.taken(&event, &answer).await
        } else {
            self.refused(&event, &answer).await
        }
    }

    /// Reads on in the log until there is something to post. What is of no kind that is asked for is passed on by and by.
    async fn read(&mut self) -> Ended<()> {
        let position = self.follower.position();
        let page = if position > self.passed_to {
            match tokio::time::timeout(SKIPPED_LONG, self.follower.next(PAGE)).await {
                Ok(page) => page,
                Err(_) => return self.pass(position, None).await,
            }
        } else {
            self.follower.next(PAGE).await
        };
        match page {
            Ok(page) => self.keep(page.events).await,
            Err(error) if error.code == ErrorCode::LogTruncated => self.pause(&error.detail).await,
            Err(error) => rest(&self.row, &error).await,
        }
    }

    /// Keeps events of kinds that are asked for.
    fn take_in(&mut self, events: Vec<EncodedEvent>) {
        let kinds = self.row.kinds;
        let wanted = events
            .into_iter()
            .filter(|event| kinds.contains(event.kind()));
        self.pending.extend(wanted);
    }

    async fn keep(&mut self, events: Vec<EncodedEvent>) -> Ended<()> {
        self.take_in(events);
        let position = self.follower.position();
        if self.pending.is_empty() && position - self.passed_to >= SKIPPED_MAX {
            self.pass(position, None).await?;
        }
        Ok(())
    }

    async fn post(&mut self, event: &EncodedEvent) -> Answer {
        post(&mut self.poster, &self.engine, &self.row, event).await
    }

    async fn pass(&mut self, seq: Seq, message: Option<MessageId>) -> Ended<()> {
        self.passed_to = seq;
        let passed = Passed { seq, message };
        self.passed.send(passed).await.map_err(|_| End::Stopped)
    }

    async fn taken(&mut self, event: &EncodedEvent, answer: &Answer) -> Ended<()> {
        if let Some(failing) = self.failing.take() {
            info!(
                webhook = self.row.no.0,
                seq = failing.seq,
                attempts = failing.attempts + 1,
                status = answer.status,
                "a webhook's receiver takes events again"
            );
            self.forget(failing.seq).await;
        }
        let lag = self.engine.now().as_millis() - event.event().timestamp.as_millis();
        histogram!("crewline_webhook_lag_seconds").record(lag.max(0) as f64 / 1_000.0);
        self.pass(event.seq(), received(event)).await
    }

    async fn refused(&mut self, event: &EncodedEvent, answer: &Answer) -> Ended<()> {
        let now = self.engine.now();
        let first = self.failing.is_none();
        let failure = refusal(self.failing.take(), event.seq(), answer, now);
        if first {
            warn!(
                webhook = self.row.no.0,
                host = self.row.url.host(),
                seq = failure.seq,
                status = failure.status,
                error = failure.error,
                "a webhook's receiver does not take an event; it is tried again"
            );
        }
        let patience = self.settings.pace.patience_left(failure.first_at, now);
        self.note(failure.clone()).await?;
        self.failing = Some(failure);
        if answer.status == Some(410) {
            return self
                .pause("its receiver answered 410: it wants no more events")
                .await;
        }
        if patience.is_zero() && self.try_next().await? {
            return Ok(());
        }
        self.asked = answer.retry_after;
        Ok(())
    }

    /// Tries the event behind the one that fails. Where it is taken the first was the fault, and is parked.
    async fn try_next(&mut self) -> Ended<bool> {
        if self.pending.len() < 2 {
            // There may be more in the log than was read.
            let _ = tokio::time::timeout(LOOK_MAX, self.read_more()).await;
        }
        let (Some(event), Some(failing)) = (self.pending.get(1).cloned(), self.failing.clone())
        else {
            return Ok(false);
        };
        let answer = self.post(&event).await;
        if !answer.is_taken() {
            return Ok(false);
        }
        let parked = WebhookFailure {
            parked: true,
            ..failing
        };
        warn!(
            webhook = self.row.no.0,
            seq = parked.seq,
            attempts = parked.attempts,
            status = parked.status,
            error = parked.error,
            "an event is parked: its receiver refuses it, and takes the next one"
        );
        counter!("crewline_webhook_parked_total").increment(1);
        let seq = parked.seq;
        self.note(parked).await?;
        self.failing = None;
        self.pending.drain(..2);
        self.pass(seq, None).await?;
        self.taken(&event, &answer).await?;
        Ok(true)
    }

    /// Waits until the event that was refused is to be tried again, counted from when it was; sooner, where an emergency
    /// comes behind it.
    async fn wait(&mut self) -> Ended<()> {
        let Some(failing) = self.failing.clone() else {
            return Ok(());
        };
        let pace = self.settings.pace;
        let urgent = self.pending.iter().any(is_emergency);
        let mut time = pace.wait(urgent, failing.attempts, self.asked.take(), self.random());
        let now = self.engine.now();
        let rested = now.as_millis() - failing.last_at.as_millis();
        time = time.saturating_sub(Duration::from_millis(rested.max(0) as u64));
        let patience = pace.patience_left(failing.first_at, now);
        if !patience.is_zero() {
            // The event behind it is due then, whatever the steps say.
            time = time.min(patience);
        }
        let until = tokio::time::Instant::now() + time;
        loop {
            if urgent || self.pending.len() >= PAGE {
                tokio::time::sleep_until(until).await;
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                more = self.read_more() => more?,
            }
            if self.pending.iter().any(is_emergency) {
                return Ok(());
            }
        }
    }

    /// Reads events behind those that wait.
    async fn read_more(&mut self) -> Ended<()> {
        match self.follower.next(PAGE).await {
            Ok(page) => {
                self.take_in(page.events);
                Ok(())
            }
            Err(error) => rest(&self.row, &error).await,
        }
    }

    fn random(&self) -> u64 {
        let random = self.engine.random();
        u64::from(random[0]) << 8 | u64::from(random[1])
    }

    /// Nothing is posted any more until somebody says so.
    async fn pause(&mut self, reason: &str) -> Ended<()> {
        let (no, act) = (self.row.no, WebhookAct::Pause(reason.to_owned()));
        warn!(webhook = no.0, reason, "a webhook is paused");
        loop {
            let act = act.clone();
            let paused = self
                .engine
                .directory(move |directory, _| directory.act_on_webhook(no, &act));
            match paused.await {
                Ok(_) => return Err(End::Stopped),
                Err(error) => rest(&self.row, &error).await?,
            }
        }
    }

    async fn note(&mut self, failure: WebhookFailure) -> Ended<()> {
        note(&self.engine, &self.row, failure).await
    }

    async fn forget(&mut self, seq: Seq) {
        forget(&self.engine, &self.row, seq).await;
    }
}
