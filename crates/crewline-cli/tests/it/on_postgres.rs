//! The program on a real PostgreSQL: the server, the administrator's commands beside it, and a database that goes away.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_testkit::postgres::Postgres;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::listen::sessions;
use crate::support::{Done, Process, Server, World, call, until};

/// The password of the database; it must show nowhere.
const SECRET: &str = "pQ7-never-shown";

/// A world whose store is a database.
pub(crate) struct Place {
    pub(crate) world: World,
    pub(crate) url: String,
}

impl Place {
    pub(crate) fn new(postgres: &Postgres) -> Self {
        Self {
            world: World::new(),
            url: postgres.database(),
        }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        let done = self.world.run(&[args, &["--store", &self.url]].concat());
        assert!(
            !done.out.contains(SECRET) && !done.err.contains(SECRET),
            "{done:?}"
        );
        done
    }

    pub(crate) fn token(&self, args: &[&str]) -> String {
        let create = [&["token", "create"], args].concat();
        self.run(&create).ok().line().to_owned()
    }

    fn serve(&self) -> Server {
        self.world.serve_with(&["--store", &self.url])
    }

    /// Two users, and the tokens of an external and of alice.
    pub(crate) fn people(&self) -> (String, String) {
        self.run(&["user", "add", "alice"]).ok();
        self.run(&["user", "add", "bob"]).ok();
        (
            self.token(&["--external", "scada"]),
            self.token(&["--user", "alice"]),
        )
    }
}

fn send(server: &Server, token: &str, text: &str) -> (u16, Value) {
    send_to(&server.url, token, text)
}

pub(crate) fn send_to(url: &str, token: &str, text: &str) -> (u16, Value) {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": text,
    });
    call(url, "POST", "/api/v1/messages", token, Some(body))
}

#[test]
fn a_server_and_the_commands_beside_it_work_on_a_database() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    let nothing = place.run(&["user", "list"]).failed(1);
    assert!(nothing.err.contains("there is no store"), "{nothing:?}");
    let (scada, alice) = place.people();
    let server = place.serve();
    let mut listener = Process::start(place.world.talk(
        &server.url,
        &alice,
        &["listen", "--json", "--after", "0"],
    ));
    let (status, sent) = send(&server, &scada, "Breaker 1204 has tripped");
    assert_eq!(status, 201, "{sent}");
    assert_eq!(
        listener.json()["data"]["message"],
        "Breaker 1204 has tripped"
    );
    server.receipt(&alice, &sent["messageId"], "acknowledged");
    // What is done beside it is noticed.
    place.run(&["user", "disable", "alice"]).ok();
    until("alice is shut out", || {
        server.get("/api/v1/me/chats", &alice).0 == 401
    });
    assert_eq!(send(&server, &scada, "Hello").0, 422);
    let checked = place.run(&["db", "check", "--json"]).ok().json();
    assert_eq!(
        (&checked["ok"], &checked["messages"]),
        (&true.into(), &1.into())
    );
    let backup = place.run(&["db", "backup", "copy.db"]).failed(1);
    assert!(backup.err.contains("pg_dump"), "{backup:?}");
    let config = place.run(&["config", "show"]).ok();
    assert!(config.out.contains("(hidden)"), "{config:?}");
    let doctor = place.run(&["doctor", "--json"]);
    assert!(doctor.out.contains("PostgreSQL 1"), "{doctor:?}");
    let stopped = server.stop().ok();
    assert!(!stopped.err.contains(SECRET), "{stopped:?}");
}

#[test]
fn the_password_of_the_database_may_stand_in_a_file() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let world = World::new();
    let store = postgres.database().replace(&format!(":{SECRET}@"), "@");
    let file = [("CREWLINE_POSTGRES_PASSWORD_FILE", "password")];
    let add = ["user", "add", "alice", "--store", &store];
    let missing = world.run_env(&add, &file).failed(1);
    assert!(
        missing.err.contains("postgres.passwordFile password"),
        "{missing:?}"
    );
    world.write("password", &format!("{SECRET}\n"));
    world.run_env(&add, &file).ok();
    // It goes before the variable that other programs know, too.
    let both = [file[0], ("PGPASSWORD", "another")];
    let list = world.run_env(&["user", "list", "--store", &store], &both);
    assert!(list.ok().out.contains("alice"));
}

#[test]
fn while_the_database_is_away_calls_are_answered_503_and_sessions_stay_open() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    let (scada, alice) = place.people();
    let server = place.serve();
    let mut listener = Process::start(place.world.talk(
        &server.url,
        &alice,
        &["listen", "--json", "--after", "0"],
    ));
    assert_eq!(send(&server, &scada, "before").0, 201);
    assert_eq!(listener.json()["data"]["message"], "before");
    sessions(&server, 1);
    postgres.kill();
    let (status, refused) = send(&server, &scada, "meanwhile");
    assert_eq!(
        (status, &refused["code"]),
        (503, &"storage_unavailable".into()),
        "{refused}"
    );
    // What is followed is at hand; a list of chats is not.
    let path = "/api/v1/me/chats";
    assert_eq!(server.get(path, &alice).0, 503);
    assert_eq!(server.get("/readyz", "").0, 503);
    assert_eq!(server.get("/healthz", "").0, 200);
    sessions(&server, 1);
    postgres.start_again();
    until("the database is back", || {
        server.get("/readyz", "").0 == 200
    });
    assert_eq!(send(&server, &scada, "after").0, 201);
    let event = listener.json();
    assert_eq!(
        (&event["seq"], &event["data"]["message"]),
        (&2.into(), &"after".into())
    );
    sessions(&server, 1);
    server.stop().ok();
}

#[test]
fn nothing_that_was_answered_is_lost_when_the_database_is_killed_under_load() {
    const ROUNDS: usize = 3;
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    let (scada, alice) = place.people();
    let server = place.serve();
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (stop, answered, url, scada) = (&stop, &answered, &server.url, &scada);
            scope.spawn(move || {
                for count in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = format!("{sender}.{count}");
                    let (status, sent) = send_to(url, scada, &text);
                    match status {
                        201 => drop(
                            answered
                                .lock()
                                .unwrap()
                                .insert(text, sent["messageId"].clone()),
                        ),
                        503 => {}
                        _ => panic!("{status}: {sent}"),
                    }
                }
            });
        }
        let grown = |by: usize| {
            let before = answered.lock().unwrap().len();
            until("messages are taken", || {
                answered.lock().unwrap().len() >= before + by
            });
        };
        for _ in 0..ROUNDS {
            grown(20);
            postgres.kill();
            postgres.start_again();
        }
        grown(20);
        stop.store(true, Ordering::Relaxed);
    });
    let answered = answered.into_inner().unwrap();
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    let (mut after, mut head) = (0, 1);
    while after < head {
        let path = format!("/api/v1/participants/me/events?after={after}&limit=1000");
        let (status, page) = server.get(&path, &alice);
        assert_eq!(status, 200, "{page}");
        for event in page["events"].as_array().unwrap() {
            after += 1;
            assert_eq!(event["seq"], after, "the log has a gap");
            let text = event["data"]["message"].as_str().unwrap().to_owned();
            let id = event["data"]["messageId"].clone();
            assert!(told.insert(text, id).is_none(), "told twice: {event}");
        }
        head = page["head"].as_u64().unwrap();
    }
    for (text, id) in &answered {
        assert_eq!(told.get(text), Some(id), "{text} was answered");
    }
    place.run(&["db", "check"]).ok();
    server.stop().ok();
}

#[test]
fn by_tls_the_database_has_to_show_who_it_is() {
    let authority = Authority::new();
    let made = authority.make("db", &["127.0.0.1"]);
    let prepare = |data: &std::path::Path| {
        std::fs::write(data.join("server.crt"), &made.certificate).unwrap();
        std::fs::write(data.join("server.key"), &made.key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(data.join("server.key"), mode).unwrap();
    };
    let Some(postgres) = Postgres::start_with("ssl = on", prepare) else {
        return;
    };
    let place = Place {
        world: World::new(),
        url: format!("{}?sslmode=require", postgres.database()),
    };
    let refused = place.run(&["user", "add", "alice"]).failed(1);
    assert!(refused.err.contains("certificate"), "{refused:?}");
    place.world.write("ca.pem", &authority.pem());
    place
        .world
        .write("crewline.toml", "[postgres]\ncaFile = \"ca.pem\"\n");
    let (scada, _) = place.people();
    let server = place.serve();
    assert_eq!(send(&server, &scada, "by TLS").0, 201);
    let encrypted = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name = 'crewline'";
    assert_eq!(postgres.sql("postgres", encrypted), ["t"]);
    server.stop().ok();
}
