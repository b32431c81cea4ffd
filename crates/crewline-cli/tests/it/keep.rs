//! Retention, as an administrator sets it and a consumer meets it.

use serde_json::{Value, json};

use crate::support::{Server, World, until};

fn send(server: &Server, token: &str, text: &str, priority: u8) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice", "onReadPayload": "cg==" }],
        "message": text, "priority": priority,
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
    sent
}

const CONFIG: &str = "[retention]\nmessages = \"1s\"\nevery = \"1s\"\n";

#[test]
fn what_is_old_goes_and_those_who_come_late_are_told() {
    let world = World::with_users(&["alice"]);
    world.write("crewline.toml", CONFIG);
    let (scada, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let old = send(&server, &scada, "Old", 2);
    let emergency = send(&server, &scada, "Gas leak", 1);
    send(&server, &scada, "Old too", 2);
    let put = json!({ "seq": 0 });
    let cursor = "/api/v1/participants/me/cursors/desk";
    assert_eq!(server.call("PUT", cursor, &alice, Some(put)).0, 200);
    let message = |id: &Value| {
        let path = format!("/api/v1/messages/{}", id["messageId"].as_str().unwrap());
        server.get(&path, &alice).1
    };
    // The cursor has passed nothing, and holds it all for as long as it stands there.
    until("the emergency is counted as kept", || {
        metric(&server, "crewline_retention_logs_held") == "1"
    });
    assert_eq!(message(&old)["message"], "Old");
    assert_eq!(
        server
            .call("PUT", cursor, &alice, Some(json!({ "seq": 3 })))
            .0,
        200
    );
    until("the text is gone", || message(&old)["message"] == "");
    assert_eq!(
        message(&emergency)["message"],
        "Gas leak",
        "nobody has acknowledged it"
    );
    until("it is counted", || {
        metric(&server, "crewline_retention_emergencies_kept") == "1"
    });

    let events =
        |query: &str| server.get(&format!("/api/v1/participants/me/events{query}"), &alice);
    let (status, problem) = events("?after=0");
    assert_eq!((status, &problem["code"]), (410, &json!("log_truncated")));
    let (_, page) = events("");
    assert_eq!(
        (&page["events"][0]["seq"], &page["head"]),
        (&json!(3), &json!(3))
    );
    let late = world
        .talk(&server.url, &alice, &["listen", "--after", "0"])
        .output()
        .unwrap();
    let late = String::from_utf8(late.stderr).unwrap();
    assert!(
        late.contains("log_truncated") && late.contains("after=2"),
        "{late}"
    );

    // Reading what is gone still counts, and fires what its sender attached.
    server.receipt(&alice, &old["messageId"], "read");
    let (_, log) = server.get("/api/v1/participants/scada/events", &scada);
    assert_eq!(log["events"][1]["data"]["payload"], "cg==", "{log}");
    server.receipt(&alice, &emergency["messageId"], "acknowledged");
    until("the emergency's text is gone", || {
        message(&emergency)["message"] == ""
    });
    let log = server.stop().ok().err;
    let told = log
        .lines()
        .find(|line| line.contains("what was old was removed"));
    let longest = told.and_then(|line| line.split_once("longest_step_ms=")?.1.parse().ok());
    assert!(longest.is_some_and(|ms: f64| ms > 0.0), "{log}");
    world.run(&["db", "check"]).ok();
}

fn metric(server: &Server, name: &str) -> String {
    let metrics = server.get("/metrics", "").1;
    let line = metrics.as_str().unwrap().lines().find_map(|line| {
        let (known, value) = line.split_once(' ')?;
        (known == name).then(|| value.to_owned())
    });
    line.unwrap_or_default()
}

#[test]
fn nothing_goes_unless_it_is_asked_for_and_the_doctor_knows_cursors_that_hold_much() {
    let world = World::with_users(&["alice"]);
    let (scada, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    send(&server, &scada, "One", 2);
    let put = json!({ "seq": 0 });
    server.call(
        "PUT",
        "/api/v1/participants/me/cursors/desk",
        &alice,
        Some(put),
    );
    server.stop().ok();
    // As if it had stood there for a year.
    let year = "UPDATE cursor SET put_at = put_at - 31536000000; UPDATE message SET sent_at = sent_at - 31536000000";
    world.run(&["db", "shell", "--write", year]).ok();
    let said = world.run(&["doctor", "--json"]).json();
    assert!(!said.to_string().contains("\"cursors\""), "{said}");
    world.write("crewline.toml", "[retention]\nmessages = \"90d\"\n");
    let said = world.run(&["doctor"]).out;
    assert!(said.contains("\"desk\" of alice at 0, since "), "{said}");
    // The next start releases it, and says so.
    let server = world.serve();
    until("it is released", || {
        metric(&server, "crewline_retention_cursors_released_total") == "1"
    });
    let stopped = server.stop().ok();
    assert!(stopped.err.contains("is released"), "{}", stopped.err);
    let said = world.run(&["doctor"]).out;
    assert!(said.contains("none has been behind for 30 days"), "{said}");
}
