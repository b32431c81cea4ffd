//! The task of one webhook: from its cursor on, one event after the other.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use crewline_api::{
    ApiError, ErrorCode, EventData, EventKinds, MessageId, Priority, Seq, WebhookFailure,
};
use crewline_core::{Command, ReceiptsCommand, WebhookAct, WebhookRow};
use crewline_engine::{EncodedEvent, Engine, Follower};
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::confirm::{self, Passed, TOGETHER_MAX, move_to};
use crate::post::{Answer, Poster};
use crate::settings::Settings;
use crate::sign;

/// How many events are read at once, and how many are looked at behind one that fails.
const PAGE: usize = 100;
/// How many events of kinds that are not asked for are passed before the cursor is moved for them alone; where nothing
/// follows them, after how long.
const SKIPPED_MAX: u64 = 100;
const SKIPPED_LONG: Duration = Duration::from_secs(1);
/// How long to wait where the store cannot be read or written.
const REST: Duration = Duration::from_secs(1);
/// How long to confirm after a task was stopped.
const CONFIRM_MAX: Duration = Duration::from_secs(3);
/// How long to look for an event behind the one that fails.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Why a task ends before it is stopped.
enum End {
    /// The server is stopping, or the webhook's state changes: the supervisor sees to it.
    Stopped,
}

type Ended<T> = Result<T, End>;

/// Works until it is stopped; what was taken is confirmed then.
pub(crate) async fn run(
    engine: Engine,
    settings: Settings,
    row: WebhookRow,
    stop: CancellationToken,
) {
    let (sender, receiver) = mpsc::channel(TOGETHER_MAX);
    let confirming = tokio::spawn(confirm::run(engine.clone(), row.clone(), receiver));
    let again = Again {
        engine: engine.clone(),
        poster: Poster::new(&row, &settings),
        row: row.clone(),
    };
    let work = async {
        let Ok(from) = begin(&engine, &row).await else {
            return;
        };
        let mut task = Task {
            follower: engine.follow(row.participant, from, EventKinds::ALL),
            poster: Poster::new(&row, &settings),
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

/// Waits where the store does not work; ends where the server stops.
async fn rest(row: &WebhookRow, error: &ApiError) -> Ended<()> {
    if error.code == ErrorCode::Stopping {
        return Err(End::Stopped);
    }
    // The store has said in the log what is wrong, once for all.
    debug!(webhook = row.no.0, %error, "a webhook waits for the store");
    tokio::time::sleep(REST).await;
    Ok(())
}

fn failed(error: &crewline_core::DirectoryError) -> ApiError {
    error!(%error, "the directory could not be written");
    ApiError::new(
        ErrorCode::StorageUnavailable,
        "The store does not take writes now.",
    )
}

/// The message of an event that was received.
fn received(event: &EncodedEvent) -> Option<MessageId> {
    match &event.event().data {
        EventData::MessageReceived(message) => Some(message.message_id),
        _ => None,
    }
}

/// Whether an event must be told faster than others.
fn is_emergency(event: &EncodedEvent) -> bool {
    match &event.event().data {
        EventData::MessageReceived(message) | EventData::MessageSent(message) => {
            message.priority == Priority::Emergency
        }
        _ => false,
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

    async fn keep(&mut self, events: Vec<EncodedEvent>) -> Ended<()> {
        let kinds = self.row.kinds;
        let wanted = events
            .into_iter()
            .filter(|event| kinds.contains(event.kind()));
        self.pending.extend(wanted);
        let position = self.follower.position();
        if self.pending.is_empty() && position - self.passed_to >= SKIPPED_MAX {
            self.pass(position, None).await?;
        }
        Ok(())
    }

    async fn post(&mut self, event: &EncodedEvent) -> Answer {
        let mut body = Vec::with_capacity(512);
        event.write_json(&mut body);
        let id = sign::id(self.engine.epoch(), self.row.no, event.seq());
        let answer = self
            .poster
            .post(&id, self.engine.now(), Bytes::from(body))
            .await;
        count(&answer);
        answer
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
                let kinds = self.row.kinds;
                let wanted = page
                    .events
                    .into_iter()
                    .filter(|event| kinds.contains(event.kind()));
                self.pending.extend(wanted);
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

fn count(answer: &Answer) {
    let outcome = match (answer.is_taken(), answer.status) {
        (true, _) => "taken",
        (false, Some(_)) => "refused",
        (false, None) => "no_answer",
    };
    counter!("crewline_webhook_posts_total", "outcome" => outcome).increment(1);
    histogram!("crewline_webhook_post_seconds").record(answer.took.as_secs_f64());
}

/// What is kept of a refusal, behind those before it.
fn refusal(
    before: Option<WebhookFailure>,
    seq: Seq,
    answer: &Answer,
    now: crewline_api::Timestamp,
) -> WebhookFailure {
    WebhookFailure {
        seq,
        parked: before.as_ref().is_some_and(|before| before.parked),
        first_at: before.as_ref().map_or(now, |before| before.first_at),
        last_at: now,
        attempts: before.map_or(0, |before| before.attempts) + 1,
        status: answer.status,
        error: answer.refused.clone().unwrap_or_default(),
        answer: answer.text.clone(),
        again: false,
    }
}

/// Notes a refusal, as often as it takes: what is parked must be listed before it is passed.
async fn note(engine: &Engine, row: &WebhookRow, failure: WebhookFailure) -> Ended<()> {
    let no = row.no;
    loop {
        let failure = failure.clone();
        let noted =
            engine.directory(move |directory, _| directory.note_webhook_failure(no, &failure));
        match noted
            .await
            .and_then(|noted| noted.map_err(|error| failed(&error)))
        {
            Ok(()) => return Ok(()),
            Err(error) => rest(row, &error).await?,
        }
    }
}

/// Forgets a refusal. Where that fails it is listed until the next one is forgotten or noted: no harm is done.
async fn forget(engine: &Engine, row: &WebhookRow, seq: Seq) {
    let no = row.no;
    let forgotten = engine.directory(move |directory, _| directory.forget_webhook_failure(no, seq));
    if let Ok(Err(error)) = forgotten.await {
        failed(&error);
    }
}

/// Parked events that are to be tried once more: beside the others, which do not wait for them.
struct Again {
    engine: Engine,
    poster: Poster,
    row: WebhookRow,
}

impl Again {
    async fn run(mut self) {
        let mut after = 0;
        while self.row.again {
            let (no, from) = (self.row.no, after);
            let page = self
                .engine
                .read(move |reader| reader.webhook_failures(no, from, PAGE))
                .await;
            let failures = match page {
                Ok(failures) => failures,
                Err(error) => match rest(&self.row, &error).await {
                    Ok(()) => continue,
                    Err(End::Stopped) => return,
                },
            };
            let Some(last) = failures.last() else { return };
            after = last.seq;
            for failure in failures
                .into_iter()
                .filter(|failure| failure.parked && failure.again)
            {
                if self.try_once(failure).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn try_once(&mut self, failure: WebhookFailure) -> Ended<()> {
        let seq = failure.seq;
        let page = self
            .engine
            .page(self.row.participant, Some(seq - 1), EventKinds::ALL, 1)
            .await;
        let event = match page {
            Ok(page) => page.events.into_iter().find(|event| event.seq() == seq),
            Err(error) if error.code == ErrorCode::LogTruncated => None,
            Err(error) => return rest(&self.row, &error).await,
        };
        let answer = match &event {
            Some(event) => self.post(event).await,
            None => Answer {
                refused: Some("the log does not hold it any more".to_owned()),
                ..Answer::default()
            },
        };
        if let (Some(event), true) = (&event, answer.is_taken()) {
            info!(webhook = self.row.no.0, seq, "a parked event was taken");
            self.deliver(event).await?;
            forget(&self.engine, &self.row, seq).await;
            return Ok(());
        }
        warn!(
            webhook = self.row.no.0,
            seq,
            error = answer.refused,
            "a parked event was refused again"
        );
        let failure = refusal(Some(failure), seq, &answer, self.engine.now());
        note(&self.engine, &self.row, failure).await
    }

    async fn post(&mut self, event: &EncodedEvent) -> Answer {
        let mut body = Vec::with_capacity(512);
        event.write_json(&mut body);
        let id = sign::id(self.engine.epoch(), self.row.no, event.seq());
        let answer = self
            .poster
            .post(&id, self.engine.now(), Bytes::from(body))
            .await;
        count(&answer);
        answer
    }

    /// Says of a message that an external has taken that it is delivered.
    async fn deliver(&self, event: &EncodedEvent) -> Ended<()> {
        let Some(message) = received(event).filter(|_| self.row.external) else {
            return Ok(());
        };
        let said = crewline_api::ReceiptSaid::Message {
            message_id: message.to_string(),
            state: crewline_api::ReceiptState::Delivered,
            at: None,
        };
        loop {
            let command = ReceiptsCommand::new(confirm::actor(&self.row), vec![said.clone()]);
            let Ok(command) = command else { return Ok(()) };
            match self.engine.submit(Command::Receipts(command)).await {
                Ok(_) => return Ok(()),
                Err(error) => rest(&self.row, &error).await?,
            }
        }
    }
}
