//! Idle sessions: what one holds in the server's memory, and what all of them cost while nothing happens but heartbeats.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::live::line::{Line, connect};
use crate::live::runtime;
use crate::server::{People, Process, Tokens, serve};
use crate::table::{Section, Table};

/// How many connect at once, until all are there.
const AT_ONCE: usize = 50;
/// Bytes that the generator reads at once: it holds as many for each session.
const READ_BYTES: usize = 512;
/// A hello of 200 bytes.
const HELLO: &str = r#"{"hello":{"after":0,"types":["message.received","message.sent","message.delivered","message.read","message.acknowledged","self.read","self.acknowledged","chat.created"],"participant":"me"}}           "#;

/// What was measured.
struct Idle {
    kib_each: f64,
    cpu_percent: f64,
}

/// Measures, without TLS and with it.
pub(crate) fn run(folder: &Path, sessions: usize, time: Duration, table: &mut Table) {
    assert_eq!(HELLO.len(), 200);
    // Two heartbeats of 15 seconds, where a turn has the usual 2.
    let (settle, watch) = (time * 2, time * 15);
    let mut section = Section::new(
        "Idle sessions",
        &["", "sessions", "KiB each", "CPU % of a core", "seconds"],
    );
    for by_tls in [false, true] {
        let name = if by_tls { "by TLS" } else { "without TLS" };
        eprintln!("{sessions} idle sessions {name} …");
        let idle = measure(folder, sessions, by_tls, settle, watch);
        section.row([
            format!("a session {name}"),
            sessions.to_string(),
            format!("{:.1}", idle.kib_each),
            format!("{:.2}", idle.cpu_percent),
            format!("{:.0}", watch.as_secs_f64()),
        ]);
        if by_tls {
            continue;
        }
        table.aim(
            &format!("{sessions} idle sessions: below 10 KiB each"),
            format!("{:.1} KiB", idle.kib_each),
            idle.kib_each < 10.0,
        );
        table.aim(
            &format!("{sessions} idle sessions: below 1 % of a core"),
            format!("{:.2} %", idle.cpu_percent),
            idle.cpu_percent < 1.0,
        );
    }
    table.section(section);
}

fn measure(
    folder: &Path,
    sessions: usize,
    by_tls: bool,
    settle: Duration,
    watch: Duration,
) -> Idle {
    let people = People {
        users: sessions,
        with_token: sessions,
        externals: 0,
    };
    let store = folder.join(format!("idle-{by_tls}.db"));
    let tokens = people.fill(&store);
    let tls = by_tls.then(|| certificate(folder));
    let flags: &[&str] = match tls {
        None => &[],
        Some(_) => &["--tls-cert", "bench.pem", "--tls-key", "bench.key"],
    };
    let server = serve(&store, flags, &[]);
    runtime().block_on(async {
        tokio::time::sleep(settle).await;
        let before = server.resident_kib();
        let mut open = gather(&server, &tokens, tls.as_ref()).await;
        tokio::time::sleep(settle).await;
        let after = server.resident_kib();
        let (begun, used) = (Instant::now(), server.cpu());
        tokio::time::sleep(watch).await;
        let cpu = server.cpu().saturating_sub(used);
        let cpu_percent = cpu.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
        if let Some(ended) = open.try_join_next() {
            panic!("a session has ended: {ended:?}");
        }
        Idle {
            kib_each: after.saturating_sub(before) as f64 / sessions as f64,
            cpu_percent,
        }
    })
}

/// Opens a session for each token. They answer pings until the set is dropped.
async fn gather(server: &Process, tokens: &Tokens, tls: Option<&TlsConnector>) -> JoinSet<()> {
    let mut open = JoinSet::new();
    for some in tokens.users.chunks(AT_ONCE) {
        let mut opening = JoinSet::new();
        for token in some {
            let (address, token, tls) = (server.address.clone(), token.clone(), tls.cloned());
            opening.spawn(async move {
                let stream = connect(&address).await;
                let Some(tls) = tls else {
                    return (Some(join(stream, &token).await), None);
                };
                let name = ServerName::try_from("127.0.0.1").unwrap();
                let stream = tls.connect(name, stream).await.unwrap();
                (None, Some(join(stream, &token).await))
            });
        }
        while let Some(opened) = opening.join_next().await {
            let (plain, secured) = opened.unwrap();
            if let Some(line) = plain {
                open.spawn(rest(line));
            }
            if let Some(line) = secured {
                open.spawn(rest(line));
            }
        }
    }
    open
}

async fn join<S: AsyncRead + AsyncWrite + Unpin>(stream: S, token: &str) -> Line<S> {
    let mut line = Line::new(stream).reading(READ_BYTES);
    line.open_socket(token, HELLO).await;
    line
}

/// Answers pings.
async fn rest<S: AsyncRead + AsyncWrite + Unpin>(mut line: Line<S>) {
    loop {
        line.fill().await;
        line.texts(|text, _| panic!("{}", String::from_utf8_lossy(text)));
        line.flush().await;
    }
}

/// A certificate for this machine, as files in the folder; and who believes it.
fn certificate(folder: &Path) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("bench.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("bench.key"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // What the generator keeps for coming back is nobody's concern here.
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
