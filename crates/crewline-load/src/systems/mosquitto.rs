//! Mosquitto with QoS 1: a topic for each user, which a session that stays subscribes, and one for the receipts of each sender. Persistence is on, and
//! saves every half hour and at the end, which is what its documents have. What it keeps is in memory until then.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::mqtt::{self, Packet};
use super::plain_user;
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::process::{Process, free_address, installed};
use crate::system::{self, Crowd, Facts, Said, Settings, System, Urgency};
use crate::text;
use crate::works::Work;

const PROGRAM: &str = "mosquitto";

/// See the module.
pub(crate) struct Mosquitto {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

/// What is not here is as Mosquitto has it by itself.
fn configuration(folder: &Path, port: u16) -> String {
    format!(
        "listener {port} 127.0.0.1\n\
         allow_anonymous true\n\
         persistence true\n\
         persistence_location {}/\n\
         autosave_interval 1800\n\
         max_queued_messages 100000\n\
         set_tcp_nodelay true\n\
         log_type error\n\
         log_type warning\n",
        folder.display()
    )
}

fn run(folder: &Path) -> Done<Process> {
    let mut command = plain_user::command(&installed(PROGRAM)?);
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    command.current_dir(folder);
    Process::start(PROGRAM, command, folder)
}

impl System for Mosquitto {
    type Sender = Sender;
    type Receiver = Receiver;
    const KEEPS: bool = false;

    fn facts(_settings: &Settings) -> Done<Facts> {
        let mut command = Command::new(installed(PROGRAM)?);
        command.arg("-h");
        // It says its version and how it is called, and calls that a failure.
        let said = command.output().when("starting mosquitto")?.stdout;
        let said = String::from_utf8_lossy(&said);
        let version = said
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("mosquitto version "));
        Ok(Facts {
            name: "Mosquitto, QoS 1".to_owned(),
            version: version.unwrap_or("?").to_owned(),
            durability: "in memory until the autosave, each half hour, or the end; receipts too"
                .to_owned(),
        })
    }

    fn note(work: Work) -> Option<&'static str> {
        match work {
            Work::W4 => Some("one message for each user, all written at once"),
            Work::W6 => Some(
                "it lets 100 connections wait to be taken, and has no setting for that: the others try again after a second",
            ),
            _ => None,
        }
    }

    async fn start(_settings: &Settings, folder: &Path, crowd: Crowd) -> Done<Self> {
        let folder = plain_user::own_folder(folder)?;
        let address = free_address()?;
        let configuration = configuration(&folder, address.port());
        std::fs::write(folder.join("mosquitto.conf"), configuration)?;
        let mut mosquitto = Self {
            process: run(&folder)?,
            address,
            folder,
        };
        mosquitto.process.listens(address).await?;
        // What is sent to a topic waits only for a session that was there before. Where nobody sends, nothing waits, and a session is a
        // part of what its connection costs.
        let sessions = if crowd.senders > 0 { crowd.users } else { 0 };
        for no in 0..sessions {
            mosquitto.receiver(no).await.when("making users")?;
        }
        Ok(mosquitto)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    async fn kill(&mut self) -> Done {
        self.process.kill();
        Ok(())
    }

    async fn start_again(&mut self) -> Done {
        self.process = run(&self.folder)?;
        self.process.listens(self.address).await
    }

    async fn sender(&self, no: usize, _in_flight: usize) -> Done<Sender> {
        let topic = receipts_topic(no);
        Ok(Sender {
            session: Session::open(self.address, &format!("s{no}"), &topic).await?,
            under_way: VecDeque::new(),
        })
    }

    async fn receiver(&self, no: usize) -> Done<Receiver> {
        Ok(Receiver {
            session: Session::open(self.address, &format!("u{no}"), &topic(no)).await?,
            pending: Vec::new(),
        })
    }
}

fn topic(user: usize) -> String {
    format!("to/{user}")
}

fn receipts_topic(sender: usize) -> String {
    format!("receipts/{sender}")
}

/// A session that stays at the broker, and the number of the last packet.
struct Session {
    line: Line,
    last: u16,
}

impl Session {
    async fn open(address: SocketAddr, client: &str, topic: &str) -> Done<Self> {
        let mut session = Self {
            line: Line::connect(address).await?,
            last: 0,
        };
        mqtt::connect(client, &mut session.line.out);
        // What waits comes at once behind the answer; the subscription is part of a session that was kept.
        if session.line.until(connected).await.when(client)? {
            return Ok(session);
        }
        let id = session.next();
        mqtt::subscribe(id, topic, &mut session.line.out);
        session.line.until(subscribed).await.when(client)?;
        Ok(session)
    }

    /// The number of the next packet: never 0.
    fn next(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    /// Says what is to be said, waits until something whole is there, and gives out each packet.
    async fn hear(&mut self, mut tell: impl FnMut(Packet<'_>, &mut Vec<u8>) -> Done) -> Done {
        self.line
            .hear(|input, out| {
                let mut at = 0;
                while let Some((packet, taken)) = mqtt::cut(&input[at..])? {
                    at += taken;
                    tell(packet, out)?;
                }
                Ok(at)
            })
            .await
    }
}

/// Whether the broker knew the session, when it has answered.
fn connected(input: &[u8]) -> Done<Option<(bool, usize)>> {
    match mqtt::cut(input)? {
        None => Ok(None),
        Some((Packet::ConnAck { known }, taken)) => Ok(Some((known, taken))),
        Some((other, _)) => Err(unexpected(&other)),
    }
}

fn subscribed(input: &[u8]) -> Done<Option<((), usize)>> {
    match mqtt::cut(input)? {
        None => Ok(None),
        Some((Packet::SubAck, taken)) => Ok(Some(((), taken))),
        Some((other, _)) => Err(unexpected(&other)),
    }
}

fn unexpected(packet: &Packet<'_>) -> Fault {
    Fault(format!("the broker said what nobody waits for: {packet:?}"))
}

/// See [`system::Sender`].
pub(crate) struct Sender {
    session: Session,
    /// What was published and is not taken: the packet, and of a message to many the last one bears its number. Brokers answer in order.
    under_way: VecDeque<(u16, Option<u64>)>,
}

impl system::Sender for Sender {
    fn send(&mut self, no: u64, to: &[usize], _urgency: Urgency) {
        let mut payload = Vec::with_capacity(text::BYTES);
        text::write(&mut payload, no);
        for (at, user) in to.iter().enumerate() {
            let id = self.session.next();
            mqtt::publish(id, &topic(*user), &payload, &mut self.session.line.out);
            let last = at + 1 == to.len();
            self.under_way.push_back((id, last.then_some(no)));
        }
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let under_way = &mut self.under_way;
        let heard = |packet: Packet<'_>, out: &mut Vec<u8>| match packet {
            Packet::PubAck { id } => match under_way.pop_front() {
                Some((first, no)) if first == id => {
                    if let Some(no) = no {
                        tell(Said::Accepted(no));
                    }
                    Ok(())
                }
                _ => Err(unexpected(&packet)),
            },
            Packet::Publish { id, payload } => {
                tell(Said::Receipt(text::read(payload)?));
                if let Some(id) = id {
                    mqtt::puback(id, out);
                }
                Ok(())
            }
            other => Err(unexpected(&other)),
        };
        self.session.hear(heard).await?;
        self.session.line.flush().await
    }
}

/// See [`system::Receiver`].
pub(crate) struct Receiver {
    session: Session,
    /// What came and was not confirmed: the packet, and the message.
    pending: Vec<(u16, u64)>,
}

impl system::Receiver for Receiver {
    async fn hear(&mut self, came: &mut Vec<u64>) -> Done {
        let pending = &mut self.pending;
        let heard = |packet: Packet<'_>, _: &mut Vec<u8>| match packet {
            Packet::Publish {
                id: Some(id),
                payload,
            } => {
                let no = text::read(payload)?;
                came.push(no);
                pending.push((id, no));
                Ok(())
            }
            // The broker has taken a receipt.
            Packet::PubAck { .. } => Ok(()),
            other => Err(unexpected(&other)),
        };
        self.session.hear(heard).await
    }

    async fn confirm(&mut self) -> Done {
        for (packet, no) in std::mem::take(&mut self.pending) {
            let id = self.session.next();
            let (topic, number) = (receipts_topic(text::sender(no)), text::number(no));
            let out = &mut self.session.line.out;
            // In this order: where the receipt is, the message does not come again.
            mqtt::puback(packet, out);
            mqtt::publish(id, &topic, &number, out);
        }
        self.session.line.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_a_connect_connects() {
        assert_eq!(connected(&[0x20, 2, 1, 0, 9]).unwrap(), Some((true, 4)));
        assert_eq!(connected(&[0x20, 2, 0, 0]).unwrap(), Some((false, 4)));
        assert_eq!(connected(&[0x20, 2, 0]).unwrap(), None);
        assert!(connected(&[0xd0, 0]).is_err());
        assert_eq!(subscribed(&[0x90, 3, 0, 1, 1]).unwrap(), Some(((), 5)));
        assert!(subscribed(&[0x20, 2, 0, 0]).is_err());
    }
}
