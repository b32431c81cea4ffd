//! The bare relay: what the round trip could cost at least on SQLite. It stores a message, tells it to its receiver,
//! stores that it was received, and tells that to its sender; nobody is told before the commit. It has no users, no
//! rights, no chats, no logs and no JSON, and does not resume.
//!
//! A process of its own (this very program, started with `--relay FILE`): one thread of tokio, one that writes, one
//! that moves pages. Lines: `H who` → `W`; `S id to text` → `D id message`; to the receiver `M message text`; its
//! `A message` → to the sender `R message`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::bare::{Told, Work, Writer};
use super::scan;

/// What the one who tells has to do.
enum Tell {
    /// Somebody is here.
    Joined(u64, OwnedWriteHalf),
    /// A batch was committed.
    Batch(Vec<Told>),
}

/// Serves until the process is ended.
pub(crate) fn serve(path: &Path) -> ! {
    let (sender, teller) = mpsc::channel(64);
    let batches = sender.clone();
    let writer = Writer::start(path, move |batch| {
        // Who does not listen any more has ended.
        let _ = batches.blocking_send(Tell::Batch(batch));
    });
    let runtime = super::runtime();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on bare://{}", listener.local_addr().unwrap());
        tokio::spawn(tell(teller));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream, Arc::clone(&writer), sender.clone()));
        }
    })
}

async fn connection(stream: TcpStream, writer: Arc<Writer>, tell: mpsc::Sender<Tell>) {
    stream.set_nodelay(true).unwrap();
    let (mut read, write) = stream.into_split();
    let mut input = Vec::new();
    let Some(who) = hello(&mut read, &mut input).await else {
        return;
    };
    if tell.send(Tell::Joined(who, write)).await.is_err() {
        return;
    }
    let mut works = Vec::new();
    loop {
        let mut taken = 0;
        while let Some(length) = memchr::memchr(b'\n', &input[taken..]) {
            works.push(work(who, &input[taken..taken + length]));
            taken += length + 1;
        }
        input.drain(..taken);
        writer.push(&mut works);
        if !more(&mut read, &mut input).await {
            return;
        }
    }
}

async fn more(read: &mut OwnedReadHalf, input: &mut Vec<u8>) -> bool {
    input.reserve(16 * 1024);
    matches!(read.read_buf(input).await, Ok(read) if read > 0)
}

async fn hello(read: &mut OwnedReadHalf, input: &mut Vec<u8>) -> Option<u64> {
    while !input.contains(&b'\n') {
        if !more(read, input).await {
            return None;
        }
    }
    let (who, rest) = scan::number(input.strip_prefix(b"H ")?);
    *input = rest[1..].to_vec();
    Some(who)
}

fn work(who: u64, line: &[u8]) -> Work {
    match line[0] {
        b'S' => {
            let (id, rest) = scan::number(&line[2..]);
            let (to, rest) = scan::number(&rest[1..]);
            let text = String::from_utf8(rest[1..].to_vec()).unwrap();
            Work::Send {
                from: who,
                id,
                to,
                text,
            }
        }
        b'A' => Work::Ack {
            who,
            message: scan::number(&line[2..]).0 as i64,
        },
        _ => panic!("{}", String::from_utf8_lossy(line)),
    }
}

/// Tells what was committed: one write for each connection and batch.
async fn tell(mut teller: mpsc::Receiver<Tell>) {
    let mut here = std::collections::HashMap::<u64, (OwnedWriteHalf, Vec<u8>)>::new();
    let mut touched = Vec::new();
    while let Some(next) = teller.recv().await {
        match next {
            Tell::Joined(who, mut half) => {
                half.write_all(b"W\n").await.unwrap();
                here.insert(who, (half, Vec::new()));
            }
            Tell::Batch(batch) => {
                for told in batch {
                    let who = told.to_whom();
                    // What is for somebody who is not here waits in the table.
                    let Some((_, out)) = here.get_mut(&who) else {
                        continue;
                    };
                    if out.is_empty() {
                        touched.push(who);
                    }
                    match told {
                        Told::Accepted { id, message, .. } => writeln!(out, "D {id} {message}"),
                        Told::Message { message, text, .. } => writeln!(out, "M {message} {text}"),
                        Told::Receipt { message, .. } => writeln!(out, "R {message}"),
                    }
                    .unwrap();
                }
                for who in touched.drain(..) {
                    let (half, out) = here.get_mut(&who).unwrap();
                    // A client that is gone needs nothing.
                    let _ = half.write_all(out).await;
                    out.clear();
                }
            }
        }
    }
}
