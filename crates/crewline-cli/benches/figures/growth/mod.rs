//! Growth: whether a send, a receipt and an update cost more in a long chat than in a short one, and more for a user with
//! many chats than for one with few. In the engine, in this process, the sizes in turns.

mod chat;
mod user;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crewline_api::{EventKinds, MessageId, NewMessage, ParticipantId, ReceiptState, Role, Seq};
use crewline_core::{
    Actor, Answer, Command, DeviceNo, ImportRow, NewUser, ParticipantNo, ReceiptCommand,
    ReceiptsCommand, SendCommand,
};
use crewline_engine::Engine;

use crate::engine::start;
use crate::machine::{Turn, median, own_cpu};
use crate::table::{Section, Table};

/// How often each size has its turn.
const ROUNDS: usize = 11;
/// Acts of a turn, where each is a write.
const WRITES: usize = 2_048;
/// Acts of a turn, where each is a reading.
const READS: usize = 1_024;
const IN_FLIGHT: usize = 64;
/// Readings at once: as many as there are cores.
const READERS: usize = 2;
/// While a size is being made.
const IN_FLIGHT_MAKING: usize = 1_024;
/// Events of one reading.
const PAGE: usize = 10;

/// What is measured of each size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Send,
    Receipts,
    Update,
    Page,
    Chats,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receipts => "delivered, then read, of a newest message",
            Self::Update => "send, and the update of who follows (ring)",
            Self::Page => "the newest 10 events (store)",
            Self::Chats => "the first 50 chats (store)",
        }
    }
}

/// The turns of each act and size, one for each round.
type Turns = BTreeMap<(Act, usize), Vec<Turn>>;

/// Measures both.
pub(crate) fn run(folder: &Path, quick: bool, table: &mut Table) {
    let runtime = crate::engine::runtime(IN_FLIGHT);
    let (chats, users): (&[usize], &[usize]) = if quick {
        (&[10, 1_000, 10_000], &[10, 100, 1_000])
    } else {
        (&[10, 1_000, 100_000, 1_000_000], &[10, 100, 1_000, 10_000])
    };
    let rounds = if quick { 3 } else { ROUNDS };
    eprintln!("chats of {chats:?} messages …");
    let turns = runtime.block_on(async {
        let engine = start(&folder.join("growth-chat.db"), None);
        let turns = chat::measure(&engine, chats, rounds).await;
        engine.stop().await;
        turns
    });
    report(
        table,
        "Growth with the messages of a chat",
        "messages",
        &turns,
    );
    eprintln!("users with {users:?} chats …");
    let turns = runtime.block_on(async {
        let engine = start(&folder.join("growth-user.db"), None);
        let turns = user::measure(&engine, users, rounds).await;
        engine.stop().await;
        turns
    });
    report(table, "Growth with the chats of a user", "chats", &turns);
}

fn report(table: &mut Table, title: &str, of: &str, turns: &Turns) {
    let mut section = Section::new(
        title,
        &[
            "",
            of,
            "µs each",
            "CPU µs each",
            "times the smallest",
            "CPU times",
            "acts in turns",
        ],
    );
    let mut worst: BTreeMap<Act, (f64, f64)> = BTreeMap::new();
    for ((act, size), own) in turns {
        // A page of 50 is not to be had of 10 chats.
        let first =
            |(other, size): &&(Act, usize)| other == act && (*act != Act::Chats || *size >= 50);
        let smallest = turns.keys().find(first).unwrap();
        let ratio = |of: fn(&Turn) -> f64| {
            let pairs = own.iter().zip(&turns[smallest]);
            median(pairs.map(|(own, smallest)| of(own) / of(smallest)))
        };
        let (time, cpu) = (ratio(Turn::us), ratio(Turn::cpu_us));
        if *size >= smallest.1 {
            let worst = worst.entry(*act).or_default();
            *worst = (worst.0.max(time), worst.1.max(cpu));
        }
        let acts: u64 = own.iter().map(|turn| turn.messages).sum();
        section.row([
            act.name().to_owned(),
            size.to_string(),
            format!("{:.1}", median(own.iter().map(Turn::us))),
            format!("{:.1}", median(own.iter().map(Turn::cpu_us))),
            format!("{time:.2}"),
            format!("{cpu:.2}"),
            format!("{acts} in {}", own.len()),
        ]);
    }
    table.section(section);
    for (act, (time, cpu)) in worst {
        table.aim(
            &format!(
                "{}, by the {of}: the largest at most twice the smallest",
                act.name()
            ),
            format!("{time:.2} (CPU {cpu:.2})"),
            time <= 2.0 && cpu <= 2.0,
        );
    }
}

/// The sizes in the order of a round: who goes first changes, so that none gets the better moments.
fn order(sizes: &[usize], round: usize) -> impl Iterator<Item = usize> {
    let start = round % sizes.len();
    sizes[start..].iter().chain(&sizes[..start]).copied()
}

/// Does an act so many times, so many at once. Each gets its number.
async fn many<T, F>(
    count: usize,
    at_once: usize,
    act: impl Fn(usize) -> F + Clone + Send + 'static,
) -> (Turn, Vec<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let (begun, used) = (Instant::now(), own_cpu());
    let tasks: Vec<_> = (0..at_once)
        .map(|task| {
            let act = act.clone();
            tokio::spawn(async move {
                let mut results = Vec::new();
                for no in (task..count).step_by(at_once) {
                    results.push((no, act(no).await));
                }
                results
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.extend(task.await.unwrap());
    }
    let turn = Turn {
        messages: count as u64,
        time: begun.elapsed(),
        cpu: own_cpu().saturating_sub(used),
    };
    results.sort_by_key(|(no, _)| *no);
    (
        turn,
        results.into_iter().map(|(_, result)| result).collect(),
    )
}

async fn send(engine: &Engine, from: &str, to: &str) -> MessageId {
    let message = NewMessage::builder(from, "SCADA", crate::TEXT)
        .to(to)
        .build()
        .unwrap();
    let command = SendCommand::new(message, DeviceNo(1)).unwrap();
    match engine.submit(Command::Send(command)).await.unwrap() {
        Answer::Sent { sent, .. } => sent.message_id,
        other => panic!("{other:?}"),
    }
}

async fn receipt(engine: &Engine, who: &str, message: MessageId, state: ReceiptState) {
    let command = ReceiptsCommand {
        actor: Actor {
            id: ParticipantId::new(who).unwrap(),
            external: false,
            device: DeviceNo(2),
        },
        receipts: vec![ReceiptCommand::Message {
            given: String::new(),
            message: Some(message),
            state,
            at: None,
        }],
    };
    match engine.submit(Command::Receipts(command)).await.unwrap() {
        Answer::Receipts(results) => assert_eq!(
            results[0].outcome,
            crewline_api::Outcome::New,
            "each is said once"
        ),
        other => panic!("{other:?}"),
    }
}

/// Makes users. All before the first turn: the writer forgets what it knows when the directory changes.
async fn add_users(engine: &Engine, ids: impl IntoIterator<Item = String>) {
    let rows: Vec<ImportRow> = ids
        .into_iter()
        .map(|id| ImportRow {
            user: NewUser {
                id: ParticipantId::new(id).unwrap(),
                name: None,
                role: Role::Crew,
                password: None,
            },
            line: 0,
        })
        .collect();
    let added = engine.directory(move |directory, now| directory.import_users(&rows, false, now));
    added.await.unwrap().unwrap();
}

async fn number(engine: &Engine, id: &str) -> ParticipantNo {
    let id = ParticipantId::new(id).unwrap();
    let row = engine.read(move |reader| reader.participant(&id)).await;
    row.unwrap().unwrap().no
}

async fn head(engine: &Engine, no: ParticipantNo) -> Seq {
    let page = engine.page(no, None, EventKinds::ALL, 1).await;
    page.unwrap().head
}

/// One turn of a size: sends to somebody, receipts of what was sent, sends while somebody follows, and readings of the
/// newest events when nobody does.
async fn turn(
    engine: &Engine,
    turns: &mut Turns,
    size: usize,
    to: &str,
    from: impl Fn(usize) -> String + Clone + Send + 'static,
) {
    let mut note = |act, turn| turns.entry((act, size)).or_default().push(turn);
    let sends = {
        let (engine, to, from) = (engine.clone(), to.to_owned(), from.clone());
        move |no: usize| {
            let (engine, to, from) = (engine.clone(), to.clone(), from(no));
            async move { send(&engine, &from, &to).await }
        }
    };
    let (sent, messages) = many(WRITES, IN_FLIGHT, sends.clone()).await;
    note(Act::Send, sent);
    let said = {
        let (engine, who) = (engine.clone(), to.to_owned());
        let messages = std::sync::Arc::new(messages);
        move |no: usize| {
            let (engine, who, message) = (engine.clone(), who.clone(), messages[no]);
            async move {
                receipt(&engine, &who, message, ReceiptState::Delivered).await;
                receipt(&engine, &who, message, ReceiptState::Read).await;
            }
        }
    };
    note(Act::Receipts, many(WRITES, IN_FLIGHT, said).await.0);
    let no = number(engine, to).await;
    let before = head(engine, no).await;
    let mut follower = engine.follow(no, before, EventKinds::ALL);
    let following = tokio::spawn(async move {
        let mut got = 0;
        while got < WRITES {
            got += follower.next(200).await.unwrap().events.len();
        }
        got
    });
    let (begun, used) = (Instant::now(), own_cpu());
    many(WRITES, IN_FLIGHT, sends).await;
    assert_eq!(following.await.unwrap(), WRITES, "each is told once");
    note(
        Act::Update,
        Turn {
            messages: WRITES as u64,
            time: begun.elapsed(),
            cpu: own_cpu().saturating_sub(used),
        },
    );
    // Nobody follows any more: the store is asked.
    let engine = engine.clone();
    let after = before + (WRITES - PAGE) as Seq;
    let pages = move |_| {
        let engine = engine.clone();
        async move {
            let page = engine.page(no, Some(after), EventKinds::ALL, 100).await;
            assert_eq!(page.unwrap().events.len(), PAGE);
        }
    };
    note(Act::Page, many(READS, READERS, pages).await.0);
}
