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

#[test]
fn a_send_stands_in_the_audit_with_the_token_that_sent_it() {
    let world = World::with_users(&["alice", "root"]);
    world.run(&["user", "role", "root", "administrator"]).ok();
    let (scada, root) = (world.external("scada"), world.user("root"));
    let server = world.serve();
    let sent = send(&server, &scada);
    let shown = world.run(&["audit", "--what", "message.sent", "--json"]);
    let shown = shown.ok().json();
    let entry = &shown["entries"][0];
    let tokens = world.run(&["token", "list", "--json"]).ok().json();
    let scada = tokens["tokens"].as_array().unwrap().iter();
    let mut scada = scada.filter(|token| token["kind"] == "external");
    let id = scada.next().unwrap()["id"].as_str().unwrap();
    assert_eq!(entry["credential"], format!("token {id}"), "{entry}");
    assert_eq!(
        (
            &entry["who"],
            &entry["about"],
            &entry["at"],
            &entry["detail"]
        ),
        (
            &json!("scada"),
            &sent["messageId"],
            &sent["sentAt"],
            &json!("to 1")
        )
    );
    // It stands between the rows, where its time is.
    world.run(&["user", "disable", "alice"]).ok();
    let (status, all) = server.get("/api/v1/admin/audit?limit=2", &root);
    let id = sent["messageId"].as_str().unwrap();
    assert_eq!(
        (status, lines(&all)),
        (
            200,
            vec![
                format!("external message.sent {id}"),
                "terminal user.disabled alice".to_owned()
            ]
        )
    );
    let next = format!(
        "/api/v1/admin/audit?limit=1000&before={}",
        all["next"].as_str().unwrap()
    );
    let (_, rest) = server.get(&next, &root);
    let rest = lines(&rest);
    assert!(
        rest.iter()
            .any(|line| line.starts_with("terminal token.made")),
        "{rest:?}"
    );
    assert!(
        !rest.iter().any(|line| line.contains("message.sent")),
        "{rest:?}"
    );
    for wrong in ["7", "x", "1.x", "-1.2"] {
        let path = format!("/api/v1/admin/audit?before={wrong}");
        assert_eq!(server.get(&path, &root).0, 422, "{wrong}");
    }
}

#[test]
fn what_changes_the_store_as_a_whole_at_a_terminal_is_noted() {
    let world = World::with_users(&["alice"]);
    world.run(&["db", "backup", "backup.db"]).ok();
    world.run(&["db", "restore", "backup.db", "--replace"]).ok();
    world.run(&["db", "shell", "--write", "SELECT 1"]).ok();
    world.run(&["db", "shell", "SELECT 1"]).ok();
    world.run(&["push", "key"]).ok();
    world.run(&["push", "key", "--rotate"]).ok();
    let kinds = ["store.restored", "store.written", "push.keyChanged"];
    let what = kinds.map(|kind| ["--what", kind]).concat();
    let shown = world.run(&[&["audit", "--json"], &what[..]].concat());
    let shown = shown.ok().json();
    assert_eq!(
        lines(&shown),
        kinds.map(|kind| format!("terminal {kind} -"))
    );
}
