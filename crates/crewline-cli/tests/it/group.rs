//! Groups and duty at the command line.

use crate::support::{World, finish};

#[test]
fn groups_are_kept_beside_a_running_server_and_sent_to() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, server) = (world.external("scada"), world.serve());
    let run = |arguments: &[&str]| world.run(arguments);
    assert_eq!(
        run(&["group", "add", "north", "--name", "North", "alice", "bob"])
            .ok()
            .out,
        "added north\n"
    );
    assert_eq!(
        run(&["group", "add", "north", "alice"]).ok().out,
        "changed north\n"
    );
    let unknown = run(&["group", "add", "south", "alice", "nobody", "noone"]);
    assert!(
        unknown.err.contains("there is no user nobody, noone"),
        "{}",
        unknown.err
    );
    assert!(
        run(&["group", "add", "on-duty", "alice"])
            .err
            .contains("everyone on duty")
    );
    let file = world.path("groups.csv");
    std::fs::write(
        &file,
        "group,name,user\nsouth,South,bob\nnorth,North,alice\n",
    )
    .unwrap();
    let done = run(&["group", "import", file.to_str().unwrap()]).ok();
    assert_eq!(done.out, "1 added, 1 as the file says\n");
    assert!(
        run(&["user", "duty", "bob", "on"])
            .ok()
            .out
            .starts_with("bob is on duty since ")
    );
    let list = run(&["group", "list", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list["groups"][1]["userIds"], serde_json::json!(["bob"]));
    let send = ["send", "--to-group", "on-duty", "--json", "Hello"];
    let sent = finish(world.talk(&server.url, &sender, &send)).ok();
    let sent: serde_json::Value = serde_json::from_str(&sent.out).unwrap();
    assert_eq!(sent["userId"], "bob");
    assert_eq!(
        run(&["group", "remove", "south"]).ok().out,
        "removed south\n"
    );
    assert!(
        run(&["group", "remove", "south"])
            .err
            .contains("there is no group south")
    );
}
