//! One call to many: from the call to the moment at which the last of them has the message.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::live::line::Line;
use crate::live::protocol::{Protocol as _, Said, Socket, Who, send_frame};
use crate::live::runtime;
use crate::machine::{Turn, median_and_p99};
use crate::server::{People, serve};
use crate::table::{Section, Table};

/// How many are connected, and sent to.
const RECEIVERS: usize = 500;
/// Calls before it counts.
const WARM_UP: usize = 3;

/// Who has the message that is under way.
struct Reached {
    left: AtomicU64,
    last: Mutex<Instant>,
    all: Notify,
}

/// Measures.
pub(crate) fn run(folder: &Path, time: Duration, table: &mut Table) {
    eprintln!("one call to {RECEIVERS} connected people …");
    let people = People {
        users: RECEIVERS,
        with_token: RECEIVERS,
        externals: 1,
    };
    let store = folder.join("fan-out.db");
    let tokens = people.fill(&store);
    let server = serve(&store, &[], &[]);
    let socket = Socket::new(&server.address, tokens);
    let (mut turn, [accepted, reached, receipts]) = runtime().block_on(async {
        let mut sender = socket.join(Who::Sender(0)).await;
        let all = Arc::new(Reached {
            left: AtomicU64::new(0),
            last: Mutex::new(Instant::now()),
            all: Notify::new(),
        });
        let mut receivers = JoinSet::new();
        for no in 0..RECEIVERS {
            let line = socket.join(Who::User(no)).await;
            receivers.spawn(receive(socket.clone(), line, Arc::clone(&all)));
        }
        let mut times: [Vec<Duration>; 3] = Default::default();
        for _ in 0..WARM_UP {
            call(&socket, &mut sender, &all).await;
        }
        let (begun, used) = (Instant::now(), server.cpu());
        while begun.elapsed() < time {
            let took = tokio::select! {
                took = call(&socket, &mut sender, &all) => took,
                Some(ended) = receivers.join_next() => panic!("a receiver has ended: {ended:?}"),
            };
            for (times, took) in times.iter_mut().zip(took) {
                times.push(took);
            }
        }
        let turn = Turn {
            messages: times[0].len() as u64,
            time: begun.elapsed(),
            cpu: server.cpu().saturating_sub(used),
        };
        (turn, times)
    });
    let calls = turn.messages;
    let (accepted, reached, receipts) = (
        median_and_p99(accepted),
        median_and_p99(reached),
        median_and_p99(receipts),
    );
    turn.messages *= RECEIVERS as u64;
    let mut section = Section::new(
        "One call to many",
        &[
            "",
            "accepted p50 ms",
            "last has it p50 ms",
            "p99",
            "last receipt p50 ms",
            "server CPU µs a person",
            "calls",
        ],
    );
    section.row([
        format!("one call to {RECEIVERS} connected people"),
        format!("{:.2}", accepted.0),
        format!("{:.2}", reached.0),
        format!("{:.2}", reached.1),
        format!("{:.2}", receipts.0),
        format!("{:.1}", turn.cpu_us()),
        calls.to_string(),
    ]);
    table.section(section);
    table.aim(
        "one call to 500 connected people: the last has it within 20 ms, p50",
        format!("{:.2} ms", reached.0),
        reached.0 <= 20.0,
    );
}

/// One call: until it is accepted, until the last has it, and until all receipts are back.
async fn call(socket: &Socket, sender: &mut Line, reached: &Reached) -> [Duration; 3] {
    reached.left.store(RECEIVERS as u64, Ordering::Relaxed);
    send_frame(&mut sender.out, 1, 0, 0..RECEIVERS);
    let begun = Instant::now();
    sender.flush().await;
    let (mut accepted, mut receipts) = (None, 0);
    while receipts < RECEIVERS || accepted.is_none() {
        sender.fill().await;
        socket.hear(sender, |said, _| match said {
            Said::Accepted { .. } => accepted = Some(begun.elapsed()),
            Said::Delivered { .. } => receipts += 1,
            Said::Received { .. } => panic!("nobody writes to the sender"),
        });
        sender.flush().await;
    }
    let receipted = begun.elapsed();
    assert_eq!(receipts, RECEIVERS, "each has confirmed once");
    reached.all.notified().await;
    let last = *reached.last.lock().unwrap();
    [accepted.unwrap(), last - begun, receipted]
}

async fn receive(socket: Socket, mut line: Line, reached: Arc<Reached>) {
    let mut last = 0;
    loop {
        line.fill().await;
        let before = last;
        socket.hear(&mut line, |said, _| match said {
            Said::Received { seq } if seq == last + 1 => last = seq,
            other => panic!("{other:?} after {last}"),
        });
        if last > before {
            let left = reached.left.fetch_sub(last - before, Ordering::Relaxed);
            if left == last - before {
                *reached.last.lock().unwrap() = Instant::now();
                reached.all.notify_one();
            }
            socket.ack(&mut line.out, last);
        }
        line.flush().await;
    }
}
