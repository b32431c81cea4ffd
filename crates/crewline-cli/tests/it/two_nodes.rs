//! Two servers on one database: what one writes, those who listen at the other have at once.

use crewline_testkit::nats::Nats;
use crewline_testkit::postgres::Postgres;
use serde_json::Value;

use crate::on_postgres::{Place, send_to};
use crate::support::{Process, Server, until};

/// Nobody looks by himself within a test: what is heard is heard by a hint.
const NO_LOOK: &str = "[nodes]\nlookEvery = \"60s\"\n";

fn is_connected(server: &Server) {
    until("the bus is connected", || {
        let metrics = server.get("/metrics", "").1;
        let metrics = metrics.as_str().unwrap();
        metrics.contains("crewline_bus_connected 1\n")
    });
}

/// The next event of this kind.
fn next(listener: &mut Process, kind: &str) -> Value {
    loop {
        let event = listener.json();
        if event["type"] == kind {
            return event;
        }
    }
}

/// By which way alice can be reached, as somebody at this server is told.
fn way_to_alice(server: &Server, token: &str) -> Value {
    let page = server.get("/api/v1/people/presence", token).1;
    let people = page["people"].as_array().unwrap();
    let alice = people.iter().find(|person| person["userId"] == "alice");
    alice.unwrap()["by"].clone()
}

fn tell_each_other(bus: &[&str]) {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    place.world.write("crewline.toml", NO_LOOK);
    let (scada, alice) = place.people();
    place
        .run(&["user", "add", "carol", "--role", "dispatcher"])
        .ok();
    let desk = place.token(&["--user", "carol"]);
    let args = [&["--store", &place.url], bus].concat();
    let (first, second) = (place.world.serve_with(&args), place.world.serve_with(&args));
    is_connected(&first);
    is_connected(&second);
    let listen = ["listen", "--json", "--after", "0"];
    let mut listener = Process::start(place.world.talk(&second.url, &alice, &listen));
    let mut system = Process::start(place.world.talk(&first.url, &scada, &listen));
    for round in 0..3 {
        let text = format!("Breaker {round} has tripped");
        let (status, sent) = send_to(&first.url, &scada, &text);
        assert_eq!(status, 201, "{sent}");
        let event = next(&mut listener, "message.received");
        assert_eq!(event["data"]["message"], text.as_str());
        second.receipt(&alice, &sent["messageId"], "acknowledged");
        let told = next(&mut system, "message.acknowledged");
        assert_eq!(told["data"]["messageId"], sent["messageId"], "{told}");
    }
    // Whoever is connected at the second is reachable at the first, until the connection ends.
    until("alice is reachable at the first", || {
        way_to_alice(&first, &desk) == "app"
    });
    drop(listener);
    until("alice is gone at the first", || {
        way_to_alice(&first, &desk).is_null()
    });
    // What is done at one holds at the other.
    place.run(&["user", "disable", "alice"]).ok();
    for server in [&first, &second] {
        until("alice is shut out", || {
            server.get("/api/v1/me/chats", &alice).0 == 401
        });
    }
    first.stop().ok();
    second.stop().ok();
    place.run(&["db", "check"]).ok();
}

#[test]
fn two_servers_tell_each_other_over_the_database() {
    tell_each_other(&[]);
}

#[test]
fn two_servers_tell_each_other_over_nats() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let address = nats.url();
    tell_each_other(&["--bus", &address]);
}

#[test]
fn a_server_that_hears_nothing_looks() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    place
        .world
        .write("crewline.toml", "[nodes]\nlookEvery = \"1s\"\n");
    let (scada, alice) = place.people();
    // They speak at different places, and so never hear each other.
    let args = ["--store", &place.url, "--bus", "nats://127.0.0.1:1"];
    let (first, second) = (place.world.serve_with(&args), place.world.serve_with(&args));
    let listen = ["listen", "--json", "--after", "0"];
    let mut listener = Process::start(place.world.talk(&second.url, &alice, &listen));
    for text in ["one", "two"] {
        assert_eq!(send_to(&first.url, &scada, text).0, 201);
        let event = next(&mut listener, "message.received");
        assert_eq!(event["data"]["message"], text);
    }
    first.stop().ok();
    second.stop().ok();
}
