//! What the organisation keeps, at the command line.

use crate::support::World;

#[test]
fn a_part_is_shown_changed_in_a_file_and_set_once() {
    let world = World::with_users(&["alice"]);
    let whole = || -> serde_json::Value {
        serde_json::from_str(&world.run(&["organisation", "show"]).ok().out).unwrap()
    };
    assert_eq!(whole()["phone"], serde_json::json!({"revision": 0}));
    world.write("phone.json", r#"{"revision": 0, "number": "112"}"#);
    let set = ["organisation", "set", "phone", "phone.json"];
    assert_eq!(
        world.run(&set).ok().out,
        "phone is set, with the revision 1\n"
    );
    assert_eq!(
        whole()["phone"],
        serde_json::json!({"revision": 1, "number": "112"})
    );
    let again = world.run(&set);
    assert!(
        again.err.contains("somebody else has changed it"),
        "{}",
        again.err
    );
    world.write(
        "sos.json",
        r#"{"revision": 0, "toUsers": ["alice", "nobody"]}"#,
    );
    let unknown = world.run(&["organisation", "set", "sos", "sos.json"]);
    assert!(
        unknown.err.contains("toUsers[1]: nobody is no user"),
        "{}",
        unknown.err
    );
    world.write("phrases.json", "[]");
    assert_eq!(
        world
            .run(&["organisation", "set", "phrases", "phrases.json"])
            .code,
        1
    );
}
