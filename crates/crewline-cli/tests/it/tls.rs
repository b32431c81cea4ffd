//! TLS as clients and operators see it: certificates of a private authority, a real client, and files that change.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::authority::{Authority, FLAGS, Line, Made, tcp};
use crate::support::{Process, Server, World, until};

/// A server by TLS, and who made its certificate.
fn secured() -> (World, Authority, Made, Server) {
    let world = World::with_users(&["alice"]);
    let authority = Authority::new();
    let made = authority.make("first", &["localhost", "127.0.0.1"]);
    made.write(&world);
    let server = world.serve_with(&FLAGS);
    (world, authority, made, server)
}

/// A number of the metrics, by the start of its line.
fn metric(server: &Server, authority: &Authority, start: &str) -> f64 {
    let metrics = Line::open(server, authority).get("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(start));
    line.map_or(0.0, |number| number.trim().parse().unwrap())
}

#[test]
fn calls_are_answered_by_https_and_nothing_reads_the_scheme_wrongly() {
    let (_world, authority, made, server) = secured();
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.url
    );
    let mut line = Line::open(&server, &authority);
    assert_eq!(line.shown(), made.der);
    let answer = line.get("/readyz");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains("\r\nstrict-transport-security: max-age=2592000\r\n"),
        "{answer}"
    );
    let not_after = metric(
        &server,
        &authority,
        "crewline_tls_certificate_not_after_seconds",
    );
    assert!(not_after > 6.4e10, "{not_after}");
    let done = server.stop().ok();
    assert!(
        done.err.contains("CN=first") && done.err.contains("4000-12-31T"),
        "{}",
        done.err
    );
    assert!(!done.err.contains("WARN"), "{}", done.err);
}

#[test]
fn the_command_line_comes_by_https_where_it_knows_the_authority() {
    let (world, authority, _, server) = secured();
    world.write("ca.pem", &authority.pem());
    let token = world.external("scada");
    let send = |ca: Option<&str>| {
        let mut command = world.talk(
            &server.url,
            &token,
            &["send", "--to", "alice", "--timeout", "1s", "Hello"],
        );
        command.envs(ca.map(|ca| ("SSL_CERT_FILE", ca)));
        crate::support::finish(command)
    };
    send(Some("ca.pem")).ok();
    let refused = send(None).failed(1);
    assert!(refused.err.contains("certificate"), "{}", refused.err);
    let failed = "crewline_tls_handshakes_total{outcome=\"failed\"}";
    assert!(metric(&server, &authority, failed) >= 1.0);
    server.stop().ok();
}

#[test]
fn a_file_names_the_authority_for_calls_and_sessions() {
    let (world, authority, _, server) = secured();
    world.write("ca.pem", &authority.pem());
    let (sender, alice) = (world.external("scada"), world.user("alice"));
    let listen = [
        "listen",
        "--json",
        "--cursor",
        "phone",
        "--ca-file",
        "ca.pem",
    ];
    let mut listener = Process::start(world.talk(&server.url, &alice, &listen));
    // What was printed is confirmed, and so the sender learns of it.
    let send = ["send", "--to", "alice", "--wait", "delivered", "Hello"];
    let mut command = world.talk(&server.url, &sender, &send);
    command.env("CREWLINE_CLIENT_CA_FILE", "ca.pem");
    crate::support::finish(command).ok();
    assert_eq!(listener.json()["data"]["message"], "Hello");
    server.stop().ok();
}

#[test]
fn both_versions_of_tls_are_spoken_and_http_1_1_alone() {
    let (_world, authority, _, server) = secured();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut line =
            Line::try_open(&server, &authority, &[version], &["h2", "http/1.1"]).unwrap();
        assert_eq!(line.connection().protocol_version(), Some(version.version));
        assert_eq!(line.connection().alpn_protocol(), Some(&b"http/1.1"[..]));
        assert!(line.get("/healthz").starts_with("HTTP/1.1 200"));
    }
    let refused = Line::try_open(&server, &authority, rustls::ALL_VERSIONS, &["h2"]);
    assert!(refused.is_err(), "nobody is left to guess");
    server.stop().ok();
}

#[test]
fn a_new_certificate_is_for_new_connections_while_an_old_one_lives_on() {
    let (world, authority, first, server) = secured();
    let mut old = Line::open(&server, &authority);
    assert!(old.get("/healthz").starts_with("HTTP/1.1 200"));
    let second = authority.make("second", &["127.0.0.1"]);
    second.write(&world);
    server.process.signal("-HUP");
    until("the new certificate is shown", || {
        Line::open(&server, &authority).shown() == second.der
    });
    assert!(old.get("/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(old.shown(), first.der);
    let log = server.stop().ok().err;
    assert!(log.contains("SIGHUP") && log.contains("CN=second"), "{log}");
}

#[test]
fn files_that_cannot_be_used_change_nothing() {
    let (world, authority, first, server) = secured();
    let failures = || {
        metric(
            &server,
            &authority,
            "crewline_tls_reloads_total{outcome=\"failed\"}",
        )
    };
    // Half of a renewal: the key is the old one.
    world.write(
        "crew.pem",
        &authority.make("second", &["127.0.0.1"]).certificate,
    );
    server.process.signal("-HUP");
    until("the files were read", || failures() > 0.5);
    world.write("crew.pem", "");
    server.process.signal("-HUP");
    until("the files were read again", || failures() > 1.5);
    let mut line = Line::open(&server, &authority);
    assert_eq!(line.shown(), first.der);
    assert!(line.get("/healthz").starts_with("HTTP/1.1 200"));
    let log = server.stop().ok().err;
    assert!(
        log.contains("the key in crew.key does not fit the certificate in crew.pem"),
        "{log}"
    );
    assert!(log.contains("there is no certificate in it"), "{log}");
}

#[test]
fn a_server_without_tls_is_not_ended_by_a_reload() {
    let world = World::new();
    let server = world.serve();
    server.process.signal("-HUP");
    // Had the signal its usual meaning, there would be nobody to answer, and no end in good order.
    assert_eq!(server.get("/healthz", "").0, 200);
    server.stop().ok();
}

#[test]
fn a_request_without_tls_is_told_what_this_port_speaks() {
    let (_world, authority, _, server) = secured();
    let mut stream = tcp(&server);
    stream
        .write_all(b"GET /api/v1/me HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(
        answer.contains("tls_required") && answer.contains("https://"),
        "{answer}"
    );
    let plain = "crewline_tls_handshakes_total{outcome=\"plain\"}";
    drop(stream);
    until("it is counted", || metric(&server, &authority, plain) > 0.5);
    server.stop().ok();
}

#[test]
fn connections_that_say_nothing_or_nonsense_hold_nobody_up() {
    let (_world, authority, _, server) = secured();
    let mut silent: Vec<_> = (0..40).map(|_| tcp(&server)).collect();
    for (place, stream) in silent.iter_mut().enumerate() {
        // A record that begins and does not go on; a length that cannot be; nothing at all.
        match place % 3 {
            0 => stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap(),
            1 => stream.write_all(&[0x16, 3, 1, 0xff, 0xff]).unwrap(),
            _ => {}
        }
    }
    let mut line = Line::open(&server, &authority);
    assert!(line.get("/healthz").starts_with("HTTP/1.1 200"));
    let start = Instant::now();
    server.stop().ok();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "handshakes under way are not waited for"
    );
}

/// Handshakes that begin and do not go on.
fn half_open(server: &Server, count: usize) -> Vec<TcpStream> {
    let begin = |_| {
        let mut stream = tcp(server);
        stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
        stream
    };
    (0..count).map(begin).collect()
}

/// Waits until so many handshakes have begun; asked by a line that is there already.
fn until_begun(line: &mut Line, count: usize) {
    until("the handshakes have begun", || {
        let metrics = line.get("/metrics");
        let open = metrics
            .lines()
            .find_map(|line| line.strip_prefix("crewline_tls_handshakes_open "));
        open.is_some_and(|open| open.parse::<f64>().unwrap() >= count as f64)
    });
}

/// Whether one from this address gets in at once: long before any of those that are open is late.
fn gets_in(own: [u8; 4], server: &Server, authority: &Authority) -> bool {
    Line::open_from(own.into(), Duration::from_secs(3), server, authority).is_ok()
}

#[test]
fn one_host_that_leaves_its_handshakes_open_does_not_hold_up_another() {
    /// More than there are places for handshakes.
    const MANY: usize = 1_100;
    let (_world, authority, _, server) = secured();
    crate::support::raise_open_files(MANY as u64 + 200);
    let mut line = Line::open(&server, &authority);
    let _held = half_open(&server, MANY);
    until_begun(&mut line, MANY);
    assert!(gets_in([127, 0, 0, 2], &server, &authority));
    assert!(
        !line.get("/metrics").contains("outcome=\"late\""),
        "all of them were open still"
    );
    server.stop().ok();
}

#[test]
fn a_trusted_proxy_has_more_handshakes_open_than_another_address() {
    let (world, authority, _, server) = secured();
    let gets_in_beside = |server: &Server, held: usize| {
        let mut line = Line::open(server, &authority);
        let _held = half_open(server, held);
        until_begun(&mut line, held);
        gets_in([127, 0, 0, 1], server, &authority)
    };
    assert!(gets_in_beside(&server, 50));
    assert!(
        !gets_in_beside(&server, 100),
        "one address is held to its own places"
    );
    server.stop().ok();
    world.write(
        "crewline.toml",
        "[http]\ntrustedProxies = [\"127.0.0.1\"]\n",
    );
    let server = world.serve_with(&FLAGS);
    assert!(gets_in_beside(&server, 100), "many stand behind a proxy");
    server.stop().ok();
}

#[test]
fn files_that_are_wrong_are_refused_at_the_start_by_name() {
    let world = World::new();
    let authority = Authority::new();
    let (one, other) = (
        authority.make("one", &["a"]),
        authority.make("other", &["b"]),
    );
    let refused = |certificate: &str, key: &str| {
        world.write("crew.pem", certificate);
        world.write("crew.key", key);
        let mut args = vec!["serve", "--listen", "127.0.0.1:0"];
        args.extend(FLAGS);
        let err = world.run(&args).failed(1).err;
        let error = err.lines().find_map(|line| line.strip_prefix("error: "));
        error.unwrap_or_else(|| panic!("{err}")).to_owned()
    };
    let swapped = refused(&one.key, &one.certificate);
    assert_eq!(
        swapped,
        "crew.pem: there is a key in it, and no certificate"
    );
    assert_eq!(
        refused(&one.certificate, &one.certificate),
        "crew.key: there is a certificate in it, and no key"
    );
    assert_eq!(
        refused(&one.certificate, &other.key),
        "the key in crew.key does not fit the certificate in crew.pem"
    );
    assert_eq!(
        refused(&(other.certificate.clone() + &one.certificate), &one.key),
        "the key in crew.key fits certificate 2 in crew.pem, not the first one"
    );
    assert!(
        !world.path("crewline.db").exists(),
        "nothing was made before"
    );
    let half = world
        .run(&["serve", "--tls-cert", "crew.pem"])
        .failed(1)
        .err;
    assert!(
        half.contains("http.tlsCert is set (from --tls-cert) and http.tlsKey is not"),
        "{half}"
    );
    let env = [
        ("CREWLINE_HTTP_TLS_CERT", "none.pem"),
        ("CREWLINE_HTTP_TLS_KEY", "crew.key"),
    ];
    let missing = world.run_env(&["serve"], &env).failed(1).err;
    assert!(
        missing.contains("cannot read none.pem: No such file"),
        "{missing}"
    );
}

#[test]
fn what_is_wrong_and_can_be_used_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let authority = Authority::new();
    authority
        .make_until("old", &["127.0.0.1"], 2021)
        .write(&world);
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.path("crew.key"), mode).unwrap();
    let log = world.serve_with(&FLAGS).stop().ok().err;
    assert!(
        log.contains("WARN") && log.contains("has EXPIRED at 2021-12-31T"),
        "{log}"
    );
    assert!(
        log.contains("the key crew.key can be read or changed by others (mode 644)"),
        "{log}"
    );
}

#[test]
fn a_session_by_tls_has_a_secure_cookie_and_an_origin_of_https() {
    let (_world, authority, _, server) = secured();
    let sign_in = |origin: &str| {
        let mut line = Line::open(&server, &authority);
        let body = format!(
            "{{\"userId\":\"alice\",\"password\":\"{}\"}}",
            crate::support::PASSWORD
        );
        line.send(&format!(
            "POST /api/v1/session HTTP/1.1\r\nhost: crew.example.org\r\norigin: {origin}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let opened = sign_in("https://crew.example.org");
    assert!(opened.starts_with("HTTP/1.1 201"), "{opened}");
    assert!(opened.contains("; Secure\r\n"), "{opened}");
    assert!(opened.contains(": __Host-crewline_session="), "{opened}");
    let refused = sign_in("http://crew.example.org");
    assert!(refused.contains("wrong_origin"), "{refused}");
    server.stop().ok();
}
