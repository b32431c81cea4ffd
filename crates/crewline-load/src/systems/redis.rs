//! Redis: a stream for each user with one group of readers, a stream of receipts for each sender. Everything is in
//! memory; the file of commands is flushed before an answer is given (`appendfsync always`).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::task::Poll;

use super::resp::{self, Value, begin, command, word};
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::process::{Process, free_address, installed, output};
use crate::system::{Crowd, Facts, Receiver, Said, Sender, Settings, System, Urgency};
use crate::text;
use crate::works::Work;

const PROGRAM: &str = "redis-server";
/// The group, and its one reader.
const GROUP: &[u8] = b"device";
/// How many entries are read at a time.
const COUNT: &[u8] = b"100";
/// How many commands are said at once where users are made.
const AT_ONCE: usize = 1_000;

/// See the module.
pub(crate) struct Redis {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

fn begin_process(folder: &Path, address: SocketAddr) -> Done<Process> {
    let mut command = Command::new(installed(PROGRAM)?);
    let port = address.port().to_string();
    command
        .current_dir(folder)
        .args(["--bind", "127.0.0.1", "--port", &port, "--dir", "."])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        // No snapshots beside the file of commands.
        .args(["--save", "", "--maxclients", "40000"]);
    Process::start("redis", command, folder)
}

impl System for Redis {
    type Sender = RedisSender;
    type Receiver = RedisReceiver;
    const KEEPS: bool = true;

    fn facts(_settings: &Settings) -> Done<Facts> {
        let mut command = Command::new(installed(PROGRAM)?);
        command.arg("--version");
        let said = output(command)?;
        let version = said
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="));
        Ok(Facts {
            name: "Redis streams".to_owned(),
            version: version.unwrap_or("?").to_owned(),
            durability: "`appendfsync always`: one flush for all that came in one turn of its loop, before it answers. Receipts too. All of it must fit into memory; no users, chats or rights".to_owned(),
        })
    }

    fn note(work: Work) -> Option<&'static str> {
        (work == Work::W4).then_some("one message for each user, all written at once")
    }

    async fn start(_settings: &Settings, folder: &Path, crowd: Crowd) -> Done<Self> {
        let address = free_address()?;
        let mut redis = Self {
            process: begin_process(folder, address)?,
            address,
            folder: folder.to_owned(),
        };
        redis.process.listens(address).await?;
        redis.make_users(crowd.users).await.when("making users")?;
        Ok(redis)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    async fn kill(&mut self) -> Done {
        self.process.kill();
        Ok(())
    }

    async fn start_again(&mut self) -> Done {
        self.process = begin_process(&self.folder, self.address)?;
        self.process.listens(self.address).await?;
        // It takes connections while it still reads its file, and refuses commands.
        let mut line = Line::connect(self.address).await?;
        loop {
            command(&mut line.out, &[b"PING"]);
            match line.until(answer).await {
                Ok(()) => return Ok(()),
                Err(Fault(text)) if text.contains("LOADING") => {
                    line = Line::connect(self.address).await?;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn sender(&self, no: usize, _in_flight: usize) -> Done<RedisSender> {
        let mut sender = RedisSender {
            commands: Line::connect(self.address).await?,
            receipts: Line::connect(self.address).await?,
            stream: format!("r:{no}").into_bytes(),
            after: b"0".to_vec(),
            waiting: VecDeque::new(),
        };
        sender.ask();
        Ok(sender)
    }

    async fn receiver(&self, no: usize) -> Done<RedisReceiver> {
        let mut receiver = RedisReceiver {
            line: Line::connect(self.address).await?,
            stream: stream(no),
            caught_up: false,
            came: Vec::new(),
        };
        receiver.ask();
        Ok(receiver)
    }
}

fn stream(user: usize) -> Vec<u8> {
    format!("u:{user}").into_bytes()
}

/// Any one answer that is no error.
fn answer(input: &[u8]) -> Done<Option<((), usize)>> {
    let found = resp::cut(input)?;
    Ok(found.map(|(_, rest)| ((), input.len() - rest.len())))
}

impl Redis {
    async fn make_users(&self, users: usize) -> Done {
        let mut line = Line::connect(self.address).await?;
        for first in (0..users).step_by(AT_ONCE) {
            let some = first..users.min(first + AT_ONCE);
            for user in some.clone() {
                let (out, key) = (&mut line.out, stream(user));
                command(out, &[b"XGROUP", b"CREATE", &key, GROUP, b"0", b"MKSTREAM"]);
            }
            for _ in some {
                line.until(answer).await?;
            }
        }
        Ok(())
    }
}

/// One connection for commands, and one that waits for receipts.
pub(crate) struct RedisSender {
    commands: Line,
    receipts: Line,
    stream: Vec<u8>,
    /// The last receipt that was read.
    after: Vec<u8>,
    /// Of each message whose answers are under way: its number, and how many answers.
    waiting: VecDeque<(u64, usize)>,
}

impl RedisSender {
    fn ask(&mut self) {
        let words: [&[u8]; 8] = [
            b"XREAD",
            b"COUNT",
            COUNT,
            b"BLOCK",
            b"0",
            b"STREAMS",
            &self.stream,
            &self.after,
        ];
        command(&mut self.receipts.out, &words);
    }

    fn accepted(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let waiting = &mut self.waiting;
        self.commands.take(|input, _| {
            let mut rest = input;
            while let Some((_, after)) = resp::cut(rest)? {
                rest = after;
                let first = waiting.front_mut();
                let (no, left) = first.ok_or_else(|| Fault::new("an answer to nothing"))?;
                *left -= 1;
                if *left == 0 {
                    tell(Said::Accepted(*no));
                    waiting.pop_front();
                }
            }
            Ok(input.len() - rest.len())
        })
    }

    fn confirmed(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let after = &mut self.after;
        let mut some = false;
        self.receipts.take(|input, _| {
            let Some((value, rest)) = resp::cut(input)? else {
                return Ok(0);
            };
            for (id, value) in value.entries()? {
                tell(Said::Receipt(text::read(value)?));
                id.clone_into(after);
            }
            some = true;
            Ok(input.len() - rest.len())
        })?;
        if some {
            self.ask();
        }
        Ok(())
    }
}

impl Sender for RedisSender {
    fn send(&mut self, no: u64, to: &[usize], _urgency: Urgency) {
        let mut message = Vec::with_capacity(text::BYTES);
        text::write(&mut message, no);
        for user in to {
            let words: [&[u8]; 5] = [b"XADD", &stream(*user), b"*", b"m", &message];
            command(&mut self.commands.out, &words);
        }
        self.waiting.push_back((no, to.len()));
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        self.commands.flush().await?;
        self.receipts.flush().await?;
        let (accepted, confirmed) = std::future::poll_fn(|context| {
            let accepted = self.commands.poll_fill(context);
            let confirmed = self.receipts.poll_fill(context);
            if accepted.is_pending() && confirmed.is_pending() {
                return Poll::Pending;
            }
            Poll::Ready((accepted, confirmed))
        })
        .await;
        if let Poll::Ready(accepted) = accepted {
            accepted?;
            self.accepted(tell)?;
        }
        if let Poll::Ready(confirmed) = confirmed {
            confirmed?;
            self.confirmed(tell)?;
        }
        Ok(())
    }
}

/// One connection, that waits for what comes next.
pub(crate) struct RedisReceiver {
    line: Line,
    stream: Vec<u8>,
    /// Whether everything was confirmed that an earlier connection had read.
    caught_up: bool,
    /// What came and is not confirmed: the entry, and the message.
    came: Vec<(Vec<u8>, u64)>,
}

impl RedisReceiver {
    fn ask(&mut self) {
        let after: &[u8] = if self.caught_up { b">" } else { b"0" };
        let words: [&[u8]; 11] = [
            b"XREADGROUP",
            b"GROUP",
            GROUP,
            b"phone",
            b"COUNT",
            COUNT,
            b"BLOCK",
            b"0",
            b"STREAMS",
            &self.stream,
            after,
        ];
        command(&mut self.line.out, &words);
    }
}

impl Receiver for RedisReceiver {
    async fn hear(&mut self, numbers: &mut Vec<u64>) -> Done {
        let came = &mut self.came;
        let mut nothing = false;
        self.line
            .hear(|input, _| {
                let mut rest = input;
                while let Some((value, after)) = resp::cut(rest)? {
                    rest = after;
                    // Words are the answers to what was confirmed.
                    if matches!(value, Value::List(_)) {
                        let entries = value.entries()?;
                        nothing |= entries.is_empty();
                        for (id, text) in entries {
                            let no = text::read(text)?;
                            came.push((id.to_owned(), no));
                            numbers.push(no);
                        }
                    }
                }
                Ok(input.len() - rest.len())
            })
            .await?;
        if nothing {
            self.caught_up = true;
            self.ask();
        }
        Ok(())
    }

    async fn confirm(&mut self) -> Done {
        if self.came.is_empty() {
            return Ok(());
        }
        let out = &mut self.line.out;
        begin(out, 3 + self.came.len());
        for key in [b"XACK", self.stream.as_slice(), GROUP] {
            word(out, key);
        }
        for (id, _) in &self.came {
            word(out, id);
        }
        for (_, no) in self.came.drain(..) {
            let receipts = format!("r:{}", text::sender(no));
            let words: [&[u8]; 5] = [b"XADD", receipts.as_bytes(), b"*", b"m", &text::number(no)];
            command(out, &words);
        }
        self.ask();
        self.line.flush().await
    }
}
