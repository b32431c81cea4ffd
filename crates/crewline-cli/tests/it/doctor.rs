//! What the doctor finds.

use serde_json::Value;

use crate::authority::{Authority, FLAGS};
use crate::support::{World, names};

pub(crate) fn finding(checks: &Value, check: &str) -> Value {
    let found = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["check"] == check);
    found
        .unwrap_or_else(|| panic!("no {check} in {checks}"))
        .clone()
}

#[test]
fn a_healthy_place_is_found_well_and_left_as_it_is() {
    let world = World::with_users(&["alice"]);
    let before = names(&world.path("."));
    let env = [("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")];
    let checks = world.run_env(&["doctor", "--json"], &env).ok().json();
    for check in [
        "configuration",
        "SQLite",
        "store",
        "folder",
        "free space",
        "disk flush",
        "file modes",
        "open files",
        "log",
        "clock",
        "port",
    ] {
        assert_ne!(finding(&checks, check)["status"], "fail", "{checks}");
    }
    assert_eq!(finding(&checks, "store")["status"], "ok");
    assert_eq!(names(&world.path(".")), before);
    let text = world.run_env(&["doctor"], &env).ok().out;
    assert!(
        text.lines().any(|line| line.starts_with("ok    store")),
        "{text}"
    );
}

#[test]
fn a_server_of_ours_on_the_port_is_known() {
    let world = World::with_users(&["alice"]);
    let server = world.serve();
    let address = server.url.trim_start_matches("http://");
    let checks = world
        .run_env(&["doctor", "--json"], &[("CREWLINE_HTTP_LISTEN", address)])
        .ok()
        .json();
    let port = finding(&checks, "port");
    assert!(
        port["what"]
            .as_str()
            .unwrap()
            .contains("Crewline server answers"),
        "{port}"
    );
}

#[test]
fn another_program_on_the_port_is_a_fault() {
    let world = World::with_users(&["alice"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It takes each connection, and hangs up.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let done = world
        .run_env(&["doctor", "--json"], &[("CREWLINE_HTTP_LISTEN", &address)])
        .failed(1);
    let port = finding(&done.json(), "port");
    assert_eq!(port["status"], "fail");
    assert!(
        port["what"].as_str().unwrap().contains("another program"),
        "{port}"
    );
    assert!(port["remedy"].as_str().is_some());
}

#[test]
fn a_missing_folder_and_an_open_file_are_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with_users(&["alice"]);
    let env = [("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")];
    let done = world
        .run_env(&["doctor", "--json", "--store", "sqlite://none/x.db"], &env)
        .failed(1);
    let folder = finding(&done.json(), "folder");
    assert_eq!(
        (folder["status"].as_str(), folder["remedy"].as_str()),
        (Some("fail"), Some("mkdir -p none"))
    );
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.path("crewline.db"), mode).unwrap();
    let checks = world.run_env(&["doctor", "--json"], &env).ok().json();
    let modes = finding(&checks, "file modes");
    assert_eq!(
        (modes["status"].as_str(), modes["remedy"].as_str()),
        (Some("warn"), Some("chmod 600 crewline.db"))
    );
}

#[test]
fn a_backup_is_advised_for_a_damaged_store_alone() {
    let world = World::with_users(&["alice"]);
    let advised = |store: &str| {
        let env = [("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")];
        let done = world
            .run_env(&["doctor", "--json", "--store", store], &env)
            .failed(1);
        let found = finding(&done.json(), "store");
        assert_eq!(found["status"], "fail", "{found}");
        found["remedy"].as_str().unwrap().contains("backup")
    };
    std::fs::create_dir(world.path("folder")).unwrap();
    assert!(!advised("sqlite://folder"), "what is there is no file");
    let mut bytes = std::fs::read(world.path("crewline.db")).unwrap();
    // The first page stays, so that it is still a store; the others do not.
    bytes[4096..].fill(0x5a);
    std::fs::write(world.path("damaged.db"), bytes).unwrap();
    assert!(advised("sqlite://damaged.db"));
}

/// The configuration of a server by TLS on a port.
fn by_tls(address: &str) -> [(&str, &str); 3] {
    [
        ("CREWLINE_HTTP_LISTEN", address),
        ("CREWLINE_HTTP_TLS_CERT", "crew.pem"),
        ("CREWLINE_HTTP_TLS_KEY", "crew.key"),
    ]
}

#[test]
fn a_certificate_is_looked_at_with_its_key_its_names_and_its_end() {
    let world = World::with_users(&["alice"]);
    let authority = Authority::new();
    let look = |address: &str, code: i32| {
        let done = world.run_env(&["doctor", "--json"], &by_tls(address));
        finding(&done.failed(code).json(), "certificate")
    };
    authority
        .make("crew", &["crew.example.org", "10.0.0.5"])
        .write(&world);
    let good = look("127.0.0.1:0", 0);
    assert_eq!(good["status"], "ok", "{good}");
    let what = good["what"].as_str().unwrap();
    assert!(
        what.starts_with("CN=crew, for crew.example.org, 10.0.0.5, until 4000-12-31"),
        "{what}"
    );
    authority
        .make_until("old", &["crew.example.org"], 2021)
        .write(&world);
    let old = look("127.0.0.1:0", 1);
    assert!(
        old["what"].as_str().unwrap().contains("has EXPIRED"),
        "{old}"
    );
    authority.make("nameless", &[]).write(&world);
    let nameless = look("127.0.0.1:0", 1);
    assert!(
        nameless["what"].as_str().unwrap().contains("no names"),
        "{nameless}"
    );
    authority
        .make("local", &["localhost", "127.0.0.1"])
        .write(&world);
    assert_eq!(look("127.0.0.1:0", 0)["status"], "ok");
    let local = look("0.0.0.0:0", 0);
    assert_eq!(
        (local["status"].as_str(), local["what"].as_str()),
        (
            Some("warn"),
            Some("it is for localhost, 127.0.0.1, and the server listens on 0.0.0.0:0")
        )
    );
    world.write("crew.key", &authority.make("other", &["a"]).key);
    let misfit = look("127.0.0.1:0", 1);
    assert!(
        misfit["what"].as_str().unwrap().contains("does not fit"),
        "{misfit}"
    );
}

#[test]
fn a_server_that_shows_an_older_certificate_than_the_file_is_told_of() {
    let world = World::with_users(&["alice"]);
    let authority = Authority::new();
    authority.make("first", &["127.0.0.1"]).write(&world);
    let server = world.serve_with(&FLAGS);
    let address = server.url.trim_start_matches("https://");
    let shown = || {
        let done = world.run_env(&["doctor", "--json"], &by_tls(address));
        let checks = done.ok().json();
        assert_eq!(finding(&checks, "port")["status"], "ok", "{checks}");
        finding(&checks, "shown")
    };
    assert_eq!(shown()["status"], "ok");
    authority.make("second", &["127.0.0.1"]).write(&world);
    let stale = shown();
    assert_eq!(stale["status"], "warn", "{stale}");
    assert!(
        stale["remedy"].as_str().unwrap().contains("SIGHUP"),
        "{stale}"
    );
    // Without the files in its configuration the doctor still knows the server for ours.
    let env = [("CREWLINE_HTTP_LISTEN", address)];
    let checks = world.run_env(&["doctor", "--json"], &env).ok().json();
    assert_eq!(finding(&checks, "port")["status"], "ok", "{checks}");
}

#[test]
fn listening_without_tls_where_others_are_is_warned_of() {
    let world = World::with_users(&["alice"]);
    let look = |env: &[(&str, &str)]| {
        finding(
            &world.run_env(&["doctor", "--json"], env).ok().json(),
            "TLS",
        )
    };
    let open = ("CREWLINE_HTTP_LISTEN", "0.0.0.0:0");
    assert_eq!(look(&[open])["status"], "warn");
    assert_eq!(
        look(&[open, ("CREWLINE_HTTP_BEHIND_TLS", "true")])["status"],
        "ok"
    );
    assert_eq!(
        look(&[("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")])["status"],
        "ok"
    );
}
