//! NATS JetStream: one stream of all messages, in files, and a durable consumer for each user, who confirms each message
//! by itself. Receipts go back as messages: either through a stream of their own, and are stored before the sender hears
//! of them, or directly.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::nats_wire::{connect, messages, publish};
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::process::{Process, free_address, installed, output};
use crate::system::{Crowd, Facts, Receiver, Said, Sender, Settings, System, Urgency};
use crate::text;
use crate::works::Work;

const PROGRAM: &str = "nats-server";
/// The first version that can be told to flush before it answers.
const SYNC_ALWAYS_SINCE: (u32, u32) = (2, 10);
/// How many requests are under way where users are made.
const AT_ONCE: usize = 100;

/// See the module. `STORED`: receipts go through a stream.
pub(crate) struct Nats<const STORED: bool> {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

/// As the program says it, without the `v`.
fn version() -> Done<String> {
    let mut command = Command::new(installed(PROGRAM)?);
    command.arg("--version");
    let said = output(command)?;
    let version = said.split_whitespace().last().unwrap_or_default();
    Ok(version.trim_start_matches('v').to_owned())
}

/// Whether this version can be told to flush before it answers.
fn syncs(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= SYNC_ALWAYS_SINCE
}

fn configuration(address: SocketAddr, always: bool) -> String {
    let sync = if always {
        "  sync_interval: always\n"
    } else {
        ""
    };
    format!("listen: {address}\nmax_connections: 65536\njetstream {{\n  store_dir: js\n{sync}}}\n")
}

fn serve(folder: &Path, address: SocketAddr) -> Done<Process> {
    let file = folder.join("nats.conf");
    std::fs::write(&file, configuration(address, syncs(&version()?)))?;
    let mut command = Command::new(installed(PROGRAM)?);
    command.current_dir(folder).arg("-c").arg(&file);
    Process::start("nats", command, folder)
}

impl<const STORED: bool> System for Nats<STORED> {
    type Sender = NatsSender;
    type Receiver = NatsReceiver;
    const KEEPS: bool = true;

    fn facts(_settings: &Settings) -> Done<Facts> {
        let version = version()?;
        let messages = if syncs(&version) {
            "`sync_interval: always`: a flush for each message before it is accepted"
        } else {
            "in the file when it is accepted, but flushed every two minutes only: this version knows no `sync_interval: always`, and a power cut takes what was accepted since"
        };
        let receipts = if STORED {
            "receipts in a stream too, stored before the sender hears of them"
        } else {
            "receipts are not stored"
        };
        Ok(Facts {
            name: if STORED {
                "NATS JetStream, receipts stored".to_owned()
            } else {
                "NATS JetStream".to_owned()
            },
            version,
            durability: format!("{messages}; {receipts}. No users, chats or rights"),
        })
    }

    fn note(work: Work) -> Option<&'static str> {
        (work == Work::W4).then_some("one message for each user, all published at once")
    }

    async fn start(_settings: &Settings, folder: &Path, crowd: Crowd) -> Done<Self> {
        let address = free_address()?;
        let mut nats = Self {
            process: serve(folder, address)?,
            address,
            folder: folder.to_owned(),
        };
        nats.process.listens(address).await?;
        nats.make(crowd)
            .await
            .when("making streams and consumers")?;
        Ok(nats)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    async fn kill(&mut self) -> Done {
        self.process.kill();
        Ok(())
    }

    async fn start_again(&mut self) -> Done {
        self.process = serve(&self.folder, self.address)?;
        self.process.listens(self.address).await
    }

    async fn sender(&self, no: usize, _in_flight: usize) -> Done<NatsSender> {
        // Answers to what is published come to `i`, receipts to `q` from their stream, or as they are to `r`.
        let mut line = connect(self.address, &format!("i.{no}.*")).await?;
        let receipts = if STORED { "q" } else { "r" };
        line.out
            .extend_from_slice(format!("SUB {receipts}.{no} 2\r\n").as_bytes());
        line.flush().await?;
        Ok(NatsSender {
            line,
            inbox: format!("i.{no}.").into_bytes(),
            many: None,
        })
    }

    async fn receiver(&self, no: usize) -> Done<NatsReceiver> {
        Ok(NatsReceiver {
            line: connect(self.address, &format!("d.{no}")).await?,
            came: Vec::new(),
        })
    }
}

impl<const STORED: bool> Nats<STORED> {
    async fn make(&self, crowd: Crowd) -> Done {
        // A stream that says nothing of it has no more than a thousand, from 2.15 on.
        let consumers = crowd.users + crowd.senders;
        let stream = |name: &str, subjects: &str| {
            let subject = format!("$JS.API.STREAM.CREATE.{name}");
            let body = format!(
                r#"{{"name":"{name}","subjects":["{subjects}"],"storage":"file","retention":"limits","num_replicas":1,"max_consumers":{consumers}}}"#
            );
            (subject, body)
        };
        // Newer versions answer requests side by side: the streams are there before their consumers are asked for.
        let mut streams = vec![stream("messages", "u.*")];
        let mut requests = Vec::new();
        if STORED {
            streams.push(stream("receipts", "r.*"));
            requests.extend(
                (0..crowd.senders).map(|no| consumer("receipts", "s", "r", "q", no, "none")),
            );
        }
        let users = (0..crowd.users).map(|no| consumer("messages", "u", "u", "d", no, "explicit"));
        requests.extend(users);
        let mut line = connect(self.address, "made").await?;
        for some in std::iter::once(streams.as_slice()).chain(requests.chunks(AT_ONCE)) {
            for (subject, body) in some {
                publish(&mut line.out, subject.as_bytes(), b"made", body.as_bytes());
            }
            let mut answered = 0;
            while answered < some.len() {
                line.hear(|input, out| {
                    messages(input, out, |_, _, payload| {
                        answered += 1;
                        refused(payload)
                    })
                })
                .await?;
            }
        }
        Ok(())
    }
}

/// The request that makes a durable consumer: what is published to `FROM.NO` is delivered to `TO.NO`.
fn consumer(
    stream: &str,
    name: &str,
    from: &str,
    to: &str,
    no: usize,
    ack: &str,
) -> (String, String) {
    let name = format!("{name}{no}");
    let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}");
    let body = format!(
        r#"{{"stream_name":"{stream}","config":{{"durable_name":"{name}","deliver_policy":"all","ack_policy":"{ack}","filter_subject":"{from}.{no}","deliver_subject":"{to}.{no}","replay_policy":"instant"}}}}"#
    );
    (subject, body)
}

/// Answers of JetStream that tell of an error are one.
fn refused(answer: &[u8]) -> Done {
    if memchr::memmem::find(answer, b"\"error\":").is_some() {
        return Err(Fault(format!(
            "JetStream answered {}",
            String::from_utf8_lossy(answer)
        )));
    }
    Ok(())
}

/// One connection for everything.
pub(crate) struct NatsSender {
    line: Line,
    inbox: Vec<u8>,
    /// How many answers a message to many has not had yet.
    many: Option<(u64, usize)>,
}

impl Sender for NatsSender {
    fn send(&mut self, no: u64, to: &[usize], _urgency: Urgency) {
        let mut message = Vec::with_capacity(text::BYTES);
        text::write(&mut message, no);
        let mut reply = self.inbox.clone();
        reply.extend_from_slice(&text::number(no));
        for user in to {
            let subject = format!("u.{user}");
            publish(&mut self.line.out, subject.as_bytes(), &reply, &message);
        }
        if to.len() > 1 {
            self.many = Some((no, to.len()));
        }
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let (inbox, many) = (&self.inbox, &mut self.many);
        let mut heard = |subject: &[u8], _: &[u8], payload: &[u8]| {
            let Some(no) = subject.strip_prefix(inbox.as_slice()) else {
                tell(Said::Receipt(text::read(payload)?));
                return Ok(());
            };
            refused(payload)?;
            let no = text::read(no)?;
            match many {
                Some((of, left)) if *of == no && *left > 1 => *left -= 1,
                _ => tell(Said::Accepted(no)),
            }
            Ok(())
        };
        self.line
            .hear(|input, out| messages(input, out, &mut heard))
            .await
    }
}

/// One connection, on which the consumer's messages come.
pub(crate) struct NatsReceiver {
    line: Line,
    /// What came and is not confirmed: where to, and the message.
    came: Vec<(Vec<u8>, u64)>,
}

impl Receiver for NatsReceiver {
    async fn hear(&mut self, numbers: &mut Vec<u64>) -> Done {
        let came = &mut self.came;
        let mut heard = |_: &[u8], reply: &[u8], payload: &[u8]| {
            let no = text::read(payload)?;
            came.push((reply.to_owned(), no));
            numbers.push(no);
            Ok(())
        };
        self.line
            .hear(|input, out| messages(input, out, &mut heard))
            .await
    }

    async fn confirm(&mut self) -> Done {
        let out = &mut self.line.out;
        for (reply, no) in self.came.drain(..) {
            // The receipt first: what is confirmed is not sent again, and its receipt would be lost with the device.
            let receipts = format!("r.{}", text::sender(no));
            publish(out, receipts.as_bytes(), b"", &text::number(no));
            publish(out, &reply, b"", b"+ACK");
        }
        self.line.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_know_it_are_told_to_flush_always() {
        assert!(!syncs("2.9.10") && syncs("2.10.0") && syncs("2.15.1-beta") && syncs("3.0"));
        let address = "127.0.0.1:4222".parse().unwrap();
        assert!(configuration(address, true).contains("sync_interval: always"));
        assert!(!configuration(address, false).contains("sync_interval"));
    }

    #[test]
    fn what_jetstream_refuses_is_a_fault() {
        assert!(refused(br#"{"error":{"code":400}}"#).is_err());
        assert!(refused(br#"{"stream":"messages","seq":1}"#).is_ok());
    }
}
