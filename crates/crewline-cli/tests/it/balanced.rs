//! Two nodes behind the load balancer, with the very file that `deploy/haproxy` gives: other addresses alone are put into it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crewline_testkit::postgres::Postgres;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::support::{PASSWORD, PATIENCE, Process, Server, World, until};

/// A running HAProxy; it ends with the test.
struct Balancer {
    child: Child,
    url: String,
    socket: PathBuf,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn haproxy() -> Option<&'static str> {
    let known = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
    let found = known.into_iter().find(|path| Path::new(path).exists());
    if found.is_none() {
        eprintln!("LEFT OUT: HAProxy is not here; try: apt-get install haproxy");
    }
    found
}

fn message(text: &str) -> Value {
    json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": text,
    })
}

/// Puts one text in the place of another that must be there.
fn put(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "haproxy.cfg has no {old:?} any more");
    text.replace(old, new)
}

impl Balancer {
    /// Before these two nodes; none where HAProxy is not here.
    fn start(world: &World, nodes: [&str; 2]) -> Option<Self> {
        let program = haproxy()?;
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../deploy/haproxy/haproxy.cfg"
        );
        let mut text = std::fs::read_to_string(path).unwrap();
        for (name, url) in ["node1", "node2"].into_iter().zip(nodes) {
            let address = url.trim_start_matches("http://");
            text = put(
                &text,
                &format!("server {name} {name}:8080"),
                &format!("server {name} {address}"),
            );
        }
        let authority = Authority::new();
        let made = authority.make("balancer", &["127.0.0.1"]);
        world.write("ca.pem", &authority.pem());
        world.write("balancer.pem", &(made.certificate + &made.key));
        let socket = world.path("balancer.sock");
        let certificate = world.path("balancer.pem").display().to_string();
        text = put(&text, "/run/secrets/certificate.pem", &certificate);
        // Each takes two open files, of which a machine for tests may not have so many to give.
        text = put(&text, "maxconn 20000", "maxconn 200");
        let stats = format!("\nglobal\n    stats socket {} level user", socket.display());
        text = put(&text, "\nglobal\n", &format!("{stats}\n"));
        // Somebody else may be quicker with a port that was free a moment ago.
        let started = (0..5).find_map(|_| Self::try_start(world, program, &text, &socket));
        let said = || std::fs::read_to_string(world.path("haproxy.log")).unwrap();
        Some(started.unwrap_or_else(|| panic!("HAProxy does not start: {}", said())))
    }

    fn try_start(world: &World, program: &str, text: &str, socket: &Path) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        world.write(
            "haproxy.cfg",
            &put(text, "bind :8443", &format!("bind {address}")),
        );
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(world.path("haproxy.cfg"));
        let log = std::fs::File::create(world.path("haproxy.log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut balancer = Self {
            child: child.spawn().unwrap(),
            url: format!("https://{address}"),
            socket: socket.to_owned(),
        };
        let mut ended = false;
        until("HAProxy takes connections, or ends", || {
            ended = balancer.child.try_wait().unwrap().is_some();
            ended || TcpStream::connect(address).is_ok()
        });
        (!ended).then_some(balancer)
    }

    /// Whether one of its parts is up, by its name in the file, such as `ready/BACKEND`.
    fn is_up(&self, part: &str) -> bool {
        let (group, name) = part.split_once('/').unwrap();
        let mut socket = UnixStream::connect(&self.socket).unwrap();
        socket.write_all(b"show stat\n").unwrap();
        let mut table = String::new();
        socket.read_to_string(&mut table).unwrap();
        let line = table
            .lines()
            .find(|line| line.starts_with(&format!("{group},{name},")));
        line.unwrap().contains(",UP,")
    }

    /// A message; with a key it may be repeated.
    fn send(&self, token: &str, key: Option<&str>, text: &str) -> (u16, Value) {
        let body = message(text);
        let mut headers = vec![("authorization", format!("Bearer {token}"))];
        headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
        let (status, _, text) = self.ask("POST", "/api/v1/messages", &headers, Some(body));
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// One call: status, the cookie that is set, and the answer.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<Value>,
    ) -> (u16, String, String) {
        // An error only says that another test of this process did it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
            // `listen` looks at the certificate; here it is about what is behind it.
            let client = client
                .tls_danger_accept_invalid_certs(true)
                .build()
                .unwrap();
            let mut request =
                client.request(method.parse().unwrap(), format!("{}{path}", self.url));
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let cookie = answer.headers().get("set-cookie");
            let cookie = cookie
                .map_or("", |cookie| cookie.to_str().unwrap())
                .to_owned();
            (status, cookie, answer.text().await.unwrap())
        })
    }
}

/// Two nodes on one database, behind the load balancer, and the tokens of an external and of alice.
struct Place {
    balancer: Balancer,
    nodes: [Server; 2],
    scada: String,
    alice: String,
    postgres: Postgres,
    world: World,
}

impl Place {
    fn new() -> Option<Self> {
        haproxy()?;
        let postgres = Postgres::start()?;
        let (world, store) = (World::new(), postgres.database());
        world.write(
            "crewline.toml",
            "[http]\ntrustedProxies = [\"127.0.0.1\"]\n",
        );
        let add = [
            "user",
            "add",
            "alice",
            "--password-stdin",
            "--store",
            &store,
        ];
        world.run_with(&add, PASSWORD).ok();
        let token = |who: &[&str]| {
            let create = [&["token", "create", "--store", &store], who].concat();
            world.run(&create).ok().line().to_owned()
        };
        let (scada, alice) = (token(&["--external", "scada"]), token(&["--user", "alice"]));
        let serve = ["--store", store.as_str()];
        let nodes = [world.serve_with(&serve), world.serve_with(&serve)];
        let balancer = Balancer::start(&world, [&nodes[0].url, &nodes[1].url])?;
        Some(Self {
            balancer,
            nodes,
            scada,
            alice,
            postgres,
            world,
        })
    }

    fn listen(&self) -> Process {
        let listen = ["listen", "--json", "--after", "0", "--ca-file", "ca.pem"];
        Process::start(self.world.talk(&self.balancer.url, &self.alice, &listen))
    }
}

/// Enough for both nodes to be asked before and after.
const MESSAGES: u64 = 30;

/// Sends through the load balancer while something happens to the first node, and looks whether everything has arrived once.
fn nobody_notices_that(something_happens: impl FnOnce(&Server)) {
    let Some(place) = Place::new() else { return };
    let mut listener = place.listen();
    let mut happens = Some(something_happens);
    for count in 0..MESSAGES {
        if count == MESSAGES / 3 {
            happens.take().unwrap()(&place.nodes[0]);
        }
        let text = format!("{count}");
        let (status, sent) = place.balancer.send(&place.scada, Some(&text), &text);
        assert!([200, 201].contains(&status), "{count}: {status} {sent}");
    }
    for count in 0..MESSAGES {
        let event = listener.json();
        assert_eq!(event["seq"], count + 1, "{event}");
        assert_eq!(event["data"]["message"], format!("{count}"));
    }
}

#[test]
fn a_node_that_is_killed_behind_the_load_balancer_costs_nobody_a_message() {
    nobody_notices_that(|node| node.process.signal("-KILL"));
}

#[test]
fn a_node_that_is_stopped_behind_the_load_balancer_costs_nobody_a_message() {
    nobody_notices_that(|node| node.process.signal("-TERM"));
}

#[test]
fn while_the_database_is_away_the_load_balancer_passes_on_what_the_nodes_say() {
    let Some(place) = Place::new() else { return };
    let balancer = &place.balancer;
    // Who came by https is known, and figures are nobody's business.
    let body = json!({ "userId": "alice", "password": PASSWORD });
    let (status, cookie, _) = balancer.ask("POST", "/api/v1/session", &[], Some(body));
    assert_eq!(status, 201);
    assert!(cookie.contains("Secure"), "{cookie}");
    assert_eq!(balancer.ask("GET", "/metrics", &[], None).0, 404);
    let mut listener = place.listen();
    assert_eq!(balancer.send(&place.scada, None, "before").0, 201);
    assert_eq!(listener.json()["data"]["message"], "before");
    // Each node knows who sends, so that it comes as far as writing: it is then that it finds out.
    let direct = |node: &Server| {
        let body = message("directly");
        node.call("POST", "/api/v1/messages", &place.scada, Some(body))
            .0
    };
    assert_eq!(place.nodes.each_ref().map(direct), [201, 201]);
    place.postgres.kill();
    assert_eq!(place.nodes.each_ref().map(direct), [503, 503]);
    until("no node is ready", || !balancer.is_up("ready/BACKEND"));
    let (status, refused) = balancer.send(&place.scada, None, "meanwhile");
    let code = &refused["code"];
    assert_eq!(
        (status, code),
        (503, &"storage_unavailable".into()),
        "{refused}"
    );
    assert_eq!(balancer.ask("GET", "/healthz", &[], None).0, 200);
    place.postgres.start_again();
    until("messages are taken again", || {
        balancer.send(&place.scada, Some("after"), "after").0 != 503
    });
    for (seq, text) in [(2, "directly"), (3, "directly"), (4, "after")] {
        let event = listener.json();
        assert_eq!(
            (&event["seq"], &event["data"]["message"]),
            (&seq.into(), &text.into())
        );
    }
}

/// A node that is ready and breaks off whatever it is asked; counts that.
fn breaking(count: &Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::clone(count);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            if request.read_line(&mut line).is_err() || line.is_empty() {
                continue;
            }
            // What stays unread would break the connection in another way.
            for header in request.by_ref().lines().map_while(Result::ok) {
                if header.is_empty() {
                    break;
                }
            }
            if line.contains("/readyz") || line.contains("/healthz") {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            } else {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    url
}

#[test]
fn the_load_balancer_repeats_what_may_be_repeated_and_nothing_else() {
    let (world, count) = (World::new(), Arc::new(AtomicUsize::new(0)));
    let nodes = [breaking(&count), breaking(&count)];
    let Some(balancer) = Balancer::start(&world, [&nodes[0], &nodes[1]]) else {
        return;
    };
    let asked = |status: u16| (status, count.swap(0, Ordering::Relaxed));
    let keyed = [("idempotency-key", "a".to_owned())];
    let read = balancer.ask("GET", "/api/v1/me", &[], None);
    assert_eq!(asked(read.0), (502, 3), "reading is tried at others");
    let message = balancer.ask("POST", "/api/v1/messages", &keyed, None);
    assert_eq!(asked(message.0), (502, 3), "a message with a key is");
    let reply = balancer.ask("POST", "/api/v1/chats/c1/messages", &keyed, None);
    assert_eq!(asked(reply.0), (502, 3), "and a reply");
    let once: BTreeSet<_> = [
        ("POST", "/api/v1/messages", &[][..]),
        ("POST", "/api/v1/chats", &keyed[..]),
        ("DELETE", "/api/v1/session", &[][..]),
        ("PUT", "/api/v1/desk", &keyed[..]),
    ]
    .into_iter()
    .map(|(method, path, headers)| asked(balancer.ask(method, path, headers, None).0))
    .collect();
    assert_eq!(once, BTreeSet::from([(502, 1)]), "nothing else is");
}
