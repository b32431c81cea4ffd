//! The audit and the story of a message, at the terminal and at a running server.

use serde_json::{Value, json};

use crate::support::{Server, World};

/// What the audit says, as `who what about`, oldest first.
fn lines(entries: &Value) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let line = |entry: &Value| {
        let [role, what, about] = ["role", "what", "about"].map(|name| text(entry, name));
        format!("{role} {what} {about}")
    };
    let entries = entries["entries"].as_array().unwrap();
    entries.iter().rev().map(line).collect()
}

fn send(server: &Server, scada: &str) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "message": "Breaker 1204 has tripped",
        "toUsers": [{ "toUserId": "alice" }],
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", scada, Some(body));
    assert_eq!(status, 201, "{sent}");
    sent
}

#[test]
fn what_is_done_at_the_terminal_and_by_the_api_stands_in_one_audit() {
    let world = World::with_users(&["alice", "root"]);
    world.run(&["user", "role", "root", "administrator"]).ok();
    let root = world.user("root");
    let server = world.serve();
    let secret = json!({ "password": "a long password" });
    let place = "/api/v1/admin/users/alice/password";
    assert_eq!(server.call("PUT", place, &root, Some(secret)).0, 200);
    world.run(&["user", "disable", "alice"]).ok();
    world.run(&["user", "disable", "nobody"]).failed(1);
    let shown = world.run(&["audit", "--about", "alice", "--json"]).ok();
    let shown = lines(&shown.json());
    assert_eq!(
        shown[shown.len() - 2..],
        [
            "administrator user.password alice",
            "terminal user.disabled alice"
        ]
    );
    let (status, audit) = server.get("/api/v1/admin/audit?about=alice", &root);
    assert_eq!((status, lines(&audit)), (200, shown));
    let refused = world.run(&["audit", "--about", "nobody", "--json"]).ok();
    assert_eq!(refused.json()["entries"][0]["refused"], true);
    let table = world.run(&["audit", "--what", "user.role"]).ok();
    assert!(table.out.contains("role administrator"), "{}", table.out);
    world.run(&["audit", "--what", "nonsense"]).failed(2);
}

#[test]
fn the_story_of_a_message_is_told_at_the_terminal_and_that_is_noted() {
    let world = World::with_users(&["alice"]);
    let (scada, alice) = (world.external("scada"), world.user("alice"));
    let server = world.serve();
    let sent = send(&server, &scada);
    server.receipt(&alice, &sent["messageId"], "read");
    let id = sent["messageId"].as_str().unwrap();
    let story = world.run(&["story", id, "--json"]).ok().json();
    let path = format!("/api/v1/messages/{id}/story");
    assert_eq!(server.get(&path, &scada), (200, story.clone()));
    assert_eq!(story["recipients"][0]["state"], "read");
    let table = world.run(&["story", id, "--csv"]).ok();
    assert_eq!(table.out.lines().count(), 3, "{}", table.out);
    let shown = world.run(&["story", id]).ok();
    assert!(shown.out.contains("(implied)"), "{}", shown.out);
    world.run(&["story", "m10000000000"]).failed(1);
    let noted = world.run(&["audit", "--what", "story.read", "--json"]).ok();
    assert_eq!(noted.json()["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn what_was_sent_is_found_while_the_server_works_and_after_it_was_restarted() {
    let world = World::with_users(&["alice"]);
    let (scada, alice) = (world.external("scada"), world.user("alice"));
    for _ in 0..2 {
        let server = world.serve();
        send(&server, &scada);
        let (status, found) = server.get("/api/v1/search?q=tripp", &alice);
        assert_eq!(status, 200, "{found}");
        assert!(!found["hits"].as_array().unwrap().is_empty(), "{found}");
        assert_eq!(found["indexedUpTo"], Value::Null);
        server.stop().ok();
    }
}

#[test]
fn the_state_of_a_server_names_its_store_and_its_latest_warnings() {
    let world = World::with_users(&["root"]);
    world.run(&["user", "role", "root", "administrator"]).ok();
    let root = world.user("root");
    let server = world.serve();
    let (status, state) = server.get("/api/v1/admin/state", &root);
    assert_eq!(status, 200, "{state}");
    assert_eq!(state["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(state["commit"], env!("CREWLINE_COMMIT"));
    assert!(state["store"]["schema"].as_u64().unwrap() > 4, "{state}");
    assert!(
        state["store"]["diskFreeBytes"].as_u64().is_some(),
        "{state}"
    );
    assert!(state["lastErrors"].is_array(), "{state}");
    let (_, kept) = server.get("/api/v1/admin/retention", &root);
    assert_eq!(
        kept,
        json!({ "auditSeconds": 400 * 86_400, "readOnly": true })
    );
}
