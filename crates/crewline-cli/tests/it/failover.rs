//! The server on a database whose standby takes over.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_testkit::postgres::Postgres;
use serde_json::Value;

use crate::listen::sessions;
use crate::on_postgres::{Place, send_to};
use crate::support::{Process, Server, until};

/// A primary and its standby, and a world whose store is both.
fn pair(synchronous: bool) -> Option<(Postgres, Postgres, Place)> {
    let primary = Postgres::start()?;
    let mut place = Place::new(&primary);
    let standby = primary.standby("other");
    if synchronous {
        primary.set("synchronous_standby_names", "other");
    }
    until("the standby follows", || {
        let state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'";
        primary.sql("postgres", state) == [if synchronous { "sync" } else { "async" }]
    });
    place.url = Postgres::urls(&place.url, &[&standby]);
    Some((primary, standby, place))
}

fn events(server: &Server, token: &str, query: &str) -> (u16, Value) {
    server.get(&format!("/api/v1/participants/me/events?{query}"), token)
}

fn serve(place: &Place) -> Server {
    place.world.serve_with(&["--store", &place.url])
}

#[test]
fn with_a_standby_that_confirms_a_failover_under_load_loses_nothing_that_was_answered() {
    let Some((primary, standby, place)) = pair(true) else {
        return;
    };
    let (scada, alice) = place.people();
    let server = serve(&place);
    let listen = ["listen", "--json", "--after", "0"];
    let mut listener = Process::start(place.world.talk(&server.url, &alice, &listen));
    assert_eq!(send_to(&server.url, &scada, "before").0, 201);
    assert_eq!(listener.json()["data"]["message"], "before");
    sessions(&server, 1);
    let epoch = events(&server, &alice, "").1["epoch"].clone();
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for sender in 0..3 {
            let (stop, answered) = (&stop, &answered);
            let (url, scada) = (&server.url, &scada);
            scope.spawn(move || {
                for count in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = format!("{sender}.{count}");
                    match send_to(url, scada, &text) {
                        (201, sent) => {
                            let mut answered = answered.lock().unwrap();
                            answered.insert(text, sent["messageId"].clone());
                        }
                        (503, _) => {}
                        (status, said) => panic!("{status}: {said}"),
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
        grown(20);
        primary.kill();
        // Who was not answered yet waits for what became of the commit, and others may be refused meanwhile.
        sessions(&server, 1);
        standby.promote();
        grown(20);
        stop.store(true, Ordering::Relaxed);
    });
    // The same session has it all, without a gap, and each thing once.
    let head = events(&server, &alice, "").1["head"].as_u64().unwrap();
    let mut told = BTreeMap::new();
    for seq in 2..=head {
        let event = listener.json();
        assert_eq!(event["seq"], seq, "{event}");
        let data = &event["data"];
        let text = data["message"].as_str().unwrap().to_owned();
        assert_eq!(told.insert(text, data["messageId"].clone()), None);
    }
    for (text, id) in &answered.into_inner().unwrap() {
        assert_eq!(told.get(text), Some(id), "{text} was answered");
    }
    sessions(&server, 1);
    assert_eq!(events(&server, &alice, "").1["epoch"], epoch);
    server.stop().ok();
}

#[test]
fn without_one_the_servers_end_and_whoever_comes_back_with_the_old_epoch_is_told() {
    let Some((primary, standby, place)) = pair(false) else {
        return;
    };
    let (scada, alice) = place.people();
    let servers = [serve(&place), serve(&place)];
    assert_eq!(send_to(&servers[0].url, &scada, "one").0, 201);
    let page = events(&servers[1], &alice, "").1;
    let (epoch, seq) = (page["epoch"].as_str().unwrap(), page["head"].clone());
    primary.kill();
    standby.promote();
    // Nobody has to ask: a node says now and then that it is there.
    for server in servers {
        let ended = server.process.end().failed(1);
        assert!(
            ended
                .err
                .contains("messages that were answered may be missing"),
            "{ended:?}"
        );
    }
    let server = serve(&place);
    let (status, told) = events(&server, &alice, &format!("after={seq}&epoch={epoch}"));
    assert_eq!(
        (status, &told["code"]),
        (409, &"epoch_changed".into()),
        "{told}"
    );
    assert_eq!(send_to(&server.url, &scada, "two").0, 201);
    server.stop().ok();
}
