//! Sending by HTTP, while receipts come over the sender's socket: one connection for each message under way.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::crowd::Crowd;
use super::line::{Line, connect};
use super::protocol::{MessageId, Socket, Who, body};
use super::scan;
use super::sender::{CONNECTED, Outcome, Sender};

/// Brings receipts to the messages that wait for them, whichever of the two is heard of first.
#[derive(Default)]
struct Meeting(Mutex<HashMap<[u8; 24], Meets>>);

enum Meets {
    Waiting(oneshot::Sender<Instant>),
    Early(Instant),
}

impl Meeting {
    fn delivered(&self, message: MessageId) {
        let mut meeting = self.0.lock().unwrap();
        match meeting.remove(&message.bytes()) {
            Some(Meets::Waiting(waiting)) => waiting.send(Instant::now()).unwrap(),
            Some(Meets::Early(_)) => panic!("two receipts of one message"),
            None => {
                meeting.insert(message.bytes(), Meets::Early(Instant::now()));
            }
        }
    }

    fn wait(&self, message: MessageId) -> oneshot::Receiver<Instant> {
        let (sender, receiver) = oneshot::channel();
        let mut meeting = self.0.lock().unwrap();
        match meeting.remove(&message.bytes()) {
            Some(Meets::Early(at)) => sender.send(at).unwrap(),
            Some(Meets::Waiting(_)) => panic!("one message was accepted twice"),
            None => {
                meeting.insert(message.bytes(), Meets::Waiting(sender));
            }
        }
        receiver
    }
}

/// Connections for HTTP, kept alive from turn to turn.
#[derive(Default)]
pub(crate) struct Posts(Vec<Vec<Line>>);

impl Crowd<Socket> {
    /// As [`Crowd::turn`], but messages go by HTTP.
    pub(crate) async fn post_turn(
        &mut self,
        posts: &mut Posts,
        senders: usize,
        each: usize,
        time: Duration,
    ) -> Outcome {
        let address = Arc::clone(&self.senders[0].protocol.address);
        posts.0.resize_with(senders.max(posts.0.len()), Vec::new);
        for lines in &mut posts.0[..senders] {
            while lines.len() < each {
                lines.push(Line::new(connect(&address).await));
            }
        }
        let begun = Instant::now();
        let mut working = JoinSet::new();
        let mut lines = JoinSet::new();
        for (place, sender) in self.senders.drain(..).enumerate() {
            if place >= senders {
                working.spawn(sender.rest(begun + time));
                continue;
            }
            let meeting = Arc::<Meeting>::default();
            let mut jobs = JoinSet::new();
            for line in posts.0[place].drain(..) {
                let post = Post {
                    protocol: sender.protocol.clone(),
                    from: sender.no,
                    line,
                    meeting: Arc::clone(&meeting),
                    next_to: sender.no * 25 + jobs.len() * CONNECTED / each,
                    request: Vec::new(),
                };
                jobs.spawn(post.run(begun + time));
            }
            let (back, kept) = oneshot::channel();
            lines.spawn(async move { (place, kept.await.unwrap()) });
            working.spawn(listen(sender, meeting, jobs, back));
        }
        let outcome = self.finish(working, time).await;
        while let Some(back) = lines.join_next().await {
            let (place, kept) = back.unwrap();
            posts.0[place] = kept;
        }
        outcome
    }
}

/// Hears receipts until all messages of the sender are back.
async fn listen(
    mut sender: Sender<Socket>,
    meeting: Arc<Meeting>,
    mut jobs: JoinSet<(Line, Outcome)>,
    back: oneshot::Sender<Vec<Line>>,
) -> (Sender<Socket>, Outcome) {
    let (mut all, mut lines) = (Outcome::default(), Vec::new());
    loop {
        tokio::select! {
            done = jobs.join_next() => match done {
                None => break,
                Some(done) => {
                    let (line, outcome) = done.unwrap();
                    lines.push(line);
                    all.add(outcome);
                }
            },
            () = sender.line.fill() => {
                sender.receipts(|message| meeting.delivered(message));
                sender.line.flush().await;
            }
        }
    }
    assert!(
        meeting.0.lock().unwrap().is_empty(),
        "receipts of what was not sent"
    );
    assert!(back.send(lines).is_ok());
    (sender, all)
}

struct Post {
    protocol: Socket,
    from: usize,
    line: Line,
    meeting: Arc<Meeting>,
    next_to: usize,
    request: Vec<u8>,
}

impl Post {
    async fn run(mut self, end: Instant) -> (Line, Outcome) {
        let mut outcome = Outcome::default();
        while Instant::now() < end {
            let begun = Instant::now();
            let message = self.post().await;
            outcome.accepted.push(begun.elapsed());
            let receipt = self.meeting.wait(message).await.unwrap();
            outcome.receipts.push(receipt - begun);
        }
        (self.line, outcome)
    }

    async fn post(&mut self) -> MessageId {
        self.next_to += 1;
        self.request.clear();
        body(&mut self.request, self.from, [self.next_to % CONNECTED]);
        write!(
            self.line.out,
            "POST /api/v1/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.protocol.token(Who::Sender(self.from)),
            self.request.len()
        )
        .unwrap();
        self.line.out.extend_from_slice(&self.request);
        self.line.flush().await;
        let (head, length) = self.line.answer_head().await;
        let answer = self.line.body(length).await;
        assert!(
            head.starts_with("HTTP/1.1 201"),
            "{head}{}",
            String::from_utf8_lossy(&answer)
        );
        scan::message(&answer)
    }
}
