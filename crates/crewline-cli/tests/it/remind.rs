//! Reminding those who have not come far enough with a message.

use crate::support::{World, finish};

#[test]
fn the_silent_are_reminded_by_their_names_and_nobody_else() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let send = ["send", "--to", "alice", "--to", "bob", "--json", "Hello"];
    let sent = finish(world.talk(&server.url, &sender, &send)).ok();
    let first: serde_json::Value = serde_json::from_str(sent.out.lines().next().unwrap()).unwrap();
    let message = first["messageId"].as_str().unwrap();
    server.receipt(&alice, &first["messageId"], "delivered");
    let remind = ["remind", message, "--until", "delivered"];
    let done = finish(world.talk(&server.url, &sender, &remind)).ok();
    assert_eq!(done.out, "reminded bob\n");
    let as_json = ["remind", message, "--until", "delivered", "--json"];
    let again = finish(world.talk(&server.url, &sender, &as_json)).ok();
    let again: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        again["userIds"],
        serde_json::json!(["bob"]),
        "the same, since it is a retry"
    );
    let by_alice = finish(world.talk(&server.url, &alice, &["remind", message]));
    assert!(
        by_alice.err.contains("Only the sender reminds"),
        "{}",
        by_alice.err
    );
    let of_nothing = finish(world.talk(&server.url, &sender, &["remind", "nonsense"]));
    assert!(
        of_nothing.err.contains("is not the id of a message"),
        "{}",
        of_nothing.err
    );
}
