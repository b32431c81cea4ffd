//! Messages that wait: somebody connects for whom 1,000 are in the store. From the connection to the last of them.

use std::path::Path;
use std::time::Instant;

use crate::live::line::{Line, connect};
use crate::live::protocol::{Protocol as _, Said, Socket, Who};
use crate::live::runtime;
use crate::machine::median_and_p99;
use crate::server::{People, serve};
use crate::table::{Section, Table};

/// How many wait.
const WAITING: usize = 1_000;
/// How many messages are under way while they are being sent.
const IN_FLIGHT: usize = 64;

/// Measures.
pub(crate) fn run(folder: &Path, users: usize, table: &mut Table) {
    eprintln!("{WAITING} messages waiting for one who connects …");
    let people = People {
        users,
        with_token: users,
        externals: 1,
    };
    let store = folder.join("waiting.db");
    let tokens = people.fill(&store);
    let server = serve(&store, &[], &[]);
    let socket = Socket::new(&server.address, tokens);
    let times = runtime().block_on(async {
        let mut sender = socket.join(Who::Sender(0)).await;
        send(&socket, &mut sender, users).await;
        let mut times = Vec::new();
        for no in 0..users {
            times.push(receive(&socket, &mut sender, no).await);
        }
        times
    });
    let (median, _) = median_and_p99(times.clone());
    let longest = times.iter().max().unwrap().as_secs_f64() * 1e3;
    let mut section = Section::new(
        "Waiting",
        &["", "median ms", "longest ms", "messages a second", "users"],
    );
    section.row([
        format!("{WAITING} messages for one who connects: from the connection to the last"),
        format!("{median:.2}"),
        format!("{longest:.2}"),
        format!("{:.0}", WAITING as f64 / median * 1e3),
        users.to_string(),
    ]);
    table.section(section);
    table.aim(
        "1,000 messages waiting: all received within 10 ms",
        format!("{median:.2} ms"),
        median <= 10.0,
    );
}

/// Sends to each of the users in turn, and returns when all is stored.
async fn send(socket: &Socket, line: &mut Line, users: usize) {
    let all = (users * WAITING) as u64;
    let (mut sent, mut accepted) = (0, 0);
    while accepted < all {
        while sent < all && sent - accepted < IN_FLIGHT as u64 {
            socket.send(&mut line.out, sent, 0, sent as usize % users);
            sent += 1;
        }
        line.flush().await;
        line.fill().await;
        socket.hear(line, |said, _| match said {
            Said::Accepted { .. } => accepted += 1,
            other => panic!("nobody is there yet: {other:?}"),
        });
    }
}

/// One connects, and receives everything; then confirms it, and the sender hears of each message once.
async fn receive(socket: &Socket, sender: &mut Line, no: usize) -> std::time::Duration {
    let begun = Instant::now();
    let mut line = Line::new(connect(&socket.address).await);
    let token = socket.token(Who::User(no));
    line.open_socket(token, r#"{"hello":{}}"#).await;
    let mut last = 0;
    loop {
        socket.hear(&mut line, |said, _| match said {
            Said::Received { seq } if seq == last + 1 => last = seq,
            other => panic!("{other:?} after {last}"),
        });
        if last >= WAITING as u64 {
            break;
        }
        line.fill().await;
    }
    let took = begun.elapsed();
    assert_eq!(last, WAITING as u64);
    socket.ack(&mut line.out, last);
    line.flush().await;
    let mut receipts = 0;
    while receipts < WAITING {
        sender.fill().await;
        socket.hear(sender, |said, _| match said {
            Said::Delivered { .. } => receipts += 1,
            other => panic!("{other:?}"),
        });
        sender.flush().await;
    }
    assert_eq!(receipts, WAITING, "each message is delivered once");
    took
}
