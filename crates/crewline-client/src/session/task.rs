//! The task that owns a session's connection: makes it, makes it again, and carries frames between it and the handles.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crewline_api::{ErrorCode, Hello, Seq, Welcome};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::buffer::Buffer;
use super::link::{BoxIo, Link, Lost};
use super::pending::{Command, Pending};
use super::wire::Said;
use crate::backoff::{Backoff, LAST};
use crate::{Error, RawEvent};

/// How long an end in good order may take. What the consumer has confirmed goes out first.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes connections.
pub(super) type Dial =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<BoxIo, Error>> + Send>> + Send + Sync>;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Until a session is open.
    pub(super) open: Duration,
    /// Until a command is answered, while nothing else is heard.
    pub(super) answer: Duration,
    /// Without a connection, until the session ends. None: for ever.
    pub(super) patience: Option<Duration>,
}

/// The owner of a session's connection.
pub(super) struct Task {
    pub(super) dial: Dial,
    pub(super) hello: Hello,
    pub(super) times: Times,
    pub(super) buffer: Arc<Buffer>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) acks: watch::Receiver<Seq>,
    pub(super) welcomed: watch::Sender<Option<Welcome>>,
    /// Told of the first connection; where that fails, the session ends.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
    pub(super) state: State,
}

/// What outlives a connection.
#[derive(Debug, Default)]
pub(super) struct State {
    pending: Pending,
    backoff: Backoff,
    /// The last event given to the consumer: the next connection begins behind it.
    seen: Seq,
    /// Events were left out for want of room: they must be asked for again.
    gap: bool,
    /// There was a connection before.
    been_there: bool,
    /// Since when there is no connection.
    down_since: Option<Instant>,
}

/// Why a connection is not used any more.
enum Over {
    Lost(Lost),
    /// There is room for the events that were left out.
    Gap,
    /// Nobody needs the session any more.
    Closed(Option<oneshot::Sender<()>>),
}

impl From<Lost> for Over {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl Task {
    /// Runs until nobody needs the session any more, or it cannot go on.
    pub(super) async fn run(mut self) {
        let (error, told) = self.work().await;
        self.commands.close();
        self.buffer.end(error.clone());
        self.state.pending.fail(&error);
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Do(asked) = command {
                let _ = asked.answer.send(Err(error.clone()));
            }
        }
        if let Some(first) = self.first.take() {
            let _ = first.send(Err(error));
        }
        if let Some(told) = told {
            let _ = told.send(());
        }
    }

    async fn work(&mut self) -> (Error, Option<oneshot::Sender<()>>) {
        let mut pause = None;
        loop {
            let over = match self.open(pause.take()).await {
                Ok(mut link) => {
                    let begun = Instant::now();
                    let over = self.carry(&mut link).await;
                    if begun.elapsed() >= LAST {
                        self.state.backoff.reset();
                    }
                    if matches!(over, Over::Closed(_)) {
                        self.farewell(link).await;
                    }
                    over
                }
                Err(over) => over,
            };
            match over {
                Over::Closed(told) => return (super::closed_here(), told),
                Over::Lost(Lost::Never(error)) => return (error, None),
                Over::Lost(Lost::ComeBack(error)) => match self.lost(error) {
                    Ok(wait) => pause = Some(wait),
                    Err(error) => return (error, None),
                },
                Over::Gap => {}
            }
        }
    }

    /// What to do about a connection that was lost, or was not made: how long to wait.
    fn lost(&mut self, error: Error) -> Result<Duration, Error> {
        if self.first.is_some() {
            return Err(error);
        }
        // A server that takes each connection and drops it at once must not be asked without a pause.
        let wait = self.state.backoff.next(error.retry_after);
        let again = format!("connecting again in {:.1} s", wait.as_secs_f64());
        let since = if let Some(since) = self.state.down_since {
            tracing::warn!("{}; {again}", error.detail);
            since
        } else {
            tracing::info!("{}; {again}", error.detail);
            *self.state.down_since.insert(Instant::now())
        };
        match self.times.patience {
            Some(patience) if since.elapsed() + wait > patience => Err(error),
            _ => Ok(wait),
        }
    }

    /// Makes the next connection, after a pause. Commands wait meanwhile; an end does not.
    async fn open(&mut self, pause: Option<Duration>) -> Result<Link, Over> {
        let been_there = self.state.been_there;
        let opening = opening(&self.dial, self.hello(), self.times.open, pause, been_there);
        let mut link = {
            tokio::pin!(opening);
            loop {
                tokio::select! {
                    opened = &mut opening => break opened?,
                    command = self.commands.recv(), if self.state.pending.has_room() => match command {
                        Some(Command::Do(asked)) => self.state.pending.keep(asked),
                        Some(Command::Close(told)) => return Err(Over::Closed(Some(told))),
                        None => return Err(Over::Closed(None)),
                    },
                }
            }
        };
        self.opened(&mut link);
        Ok(link)
    }

    fn opened(&mut self, link: &mut Link) {
        let welcome = link.welcome().clone();
        self.hello.epoch = Some(welcome.epoch.clone());
        self.welcomed.send_replace(Some(welcome));
        self.state.been_there = true;
        self.state.down_since = None;
        self.state.gap = false;
        if let Some(first) = self.first.take() {
            let _ = first.send(Ok(()));
        }
        self.state.pending.forget_dropped();
        for frame in self.state.pending.frames() {
            link.write(frame);
        }
        // Whether the last ack has arrived is not known: it is said again.
        link.ack(*self.acks.borrow_and_update());
    }

    /// Where the next connection begins.
    fn hello(&self) -> Hello {
        let mut hello = self.hello.clone();
        if self.state.seen > 0 {
            hello.after = Some(self.state.seen);
        }
        hello
    }

    /// Carries frames until the connection is over.
    async fn carry(&mut self, link: &mut Link) -> Over {
        loop {
            let full = self.buffer.is_full();
            if self.state.gap && !full {
                return Over::Gap;
            }
            let waiting = !self.state.pending.is_empty();
            link.wait_for_answers(waiting);
            // A full buffer stops the reading, so that the server sends no more; but answers must come through.
            let reading = !full || waiting;
            let answer = self.times.answer;
            let beat = link.next_beat(answer);
            tokio::select! {
                said = link.next(reading) => {
                    let taken = said.and_then(|said| self.take(said));
                    if let Err(lost) = taken {
                        return lost.into();
                    }
                }
                command = self.commands.recv(), if self.state.pending.has_room() => {
                    if let Some(over) = self.commanded(link, command) {
                        return over;
                    }
                }
                Ok(()) = self.acks.changed() => {
                    link.ack(*self.acks.borrow_and_update());
                }
                () = self.buffer.room(), if full => {}
                () = tokio::time::sleep_until(beat) => {
                    if let Err(lost) = link.beat(waiting, reading, answer) {
                        return lost.into();
                    }
                }
            }
        }
    }

    /// Takes a command, and those that have come with it: they are written together.
    fn commanded(&mut self, link: &mut Link, first: Option<Command>) -> Option<Over> {
        let mut next = first;
        loop {
            match next {
                None => return Some(Over::Closed(None)),
                Some(Command::Close(told)) => return Some(Over::Closed(Some(told))),
                Some(Command::Do(asked)) => {
                    link.write(asked.frame.clone());
                    self.state.pending.keep(asked);
                }
            }
            if !self.state.pending.has_room() {
                return None;
            }
            match self.commands.try_recv() {
                Ok(command) => next = Some(command),
                // That all handles are gone is told by the next wait.
                Err(_) => return None,
            }
        }
    }

    /// Takes what the server said.
    fn take(&mut self, said: Said) -> Result<(), Lost> {
        match said {
            Said::Events(events) => self.events(events),
            Said::Done(id, outcome) => {
                self.state.backoff.reset();
                self.state.pending.answer(id, outcome);
            }
            Said::Refused(error) => return Err(Lost::by(error)),
            Said::Welcome(_) | Said::Unknown => {}
        }
        Ok(())
    }

    fn events(&mut self, mut events: Vec<RawEvent>) {
        if self.state.gap || self.buffer.is_full() {
            self.state.gap = true;
            return;
        }
        // The server begins behind what was seen; but nothing is given out twice, whatever it does.
        events.retain(|event| {
            let new = event.seq() > self.state.seen;
            self.state.seen = self.state.seen.max(event.seq());
            new
        });
        if !events.is_empty() {
            self.state.backoff.reset();
            self.buffer.push(events);
        }
    }

    /// Ends the connection in good order: what was confirmed is said before.
    async fn farewell(&mut self, mut link: Link) {
        link.ack(*self.acks.borrow_and_update());
        // A server that does not answer the close learns of the end by the connection's.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, link.close()).await;
    }
}

/// Makes a connection, after a pause.
async fn opening(
    dial: &Dial,
    hello: Hello,
    timeout: Duration,
    pause: Option<Duration>,
    been_there: bool,
) -> Result<Link, Lost> {
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
    let opened = async {
        let io = dial()
            .await
            .map_err(|error| not_opened(error, been_there))?;
        Link::open(io, hello).await
    };
    match tokio::time::timeout(timeout, opened).await {
        Ok(opened) => opened,
        Err(_) => Err(Lost::by(Error::unreachable("the server does not answer"))),
    }
}

/// A connection that was not made, for now or for good.
fn not_opened(error: Error, been_there: bool) -> Lost {
    // Where a session was open before, a strange answer is a proxy's whose server is away.
    if been_there && error.code == ErrorCode::WrongServer {
        return Lost::ComeBack(error);
    }
    Lost::by(error)
}
