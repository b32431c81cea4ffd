//! Tokens.

use crate::support::World;

#[test]
fn a_token_stands_alone_on_standard_output_and_is_listed_without_its_secret() {
    let world = World::with_users(&["alice"]);
    let made = world
        .run(&[
            "token",
            "create",
            "--external",
            "scada:*",
            "--external",
            "desk",
        ])
        .ok();
    assert_eq!(made.out.lines().count(), 1);
    assert!(
        made.out.starts_with("crewline_") && made.err.is_empty(),
        "{made:?}"
    );
    world.user("alice");
    world.run(&["token", "create", "--admin"]).ok();
    let listed = world.run(&["token", "list", "--json"]).ok();
    assert!(!listed.out.contains(made.line()));
    let tokens = listed.json();
    let kinds: Vec<_> = tokens["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["kind"].clone())
        .collect();
    assert_eq!(kinds, ["external", "user", "administration"]);
    assert_eq!(
        tokens["tokens"][0]["owners"],
        serde_json::json!(["scada:*", "desk"])
    );
    assert_eq!(tokens["tokens"][0]["lastUsedAt"], serde_json::Value::Null);
    let table = world.run(&["token", "list"]).ok().out;
    assert!(
        table.contains("scada:*, desk") && table.contains("never"),
        "{table}"
    );
}

#[test]
fn a_token_needs_exactly_one_kind_of_owner() {
    let world = World::with_users(&["alice"]);
    world.run(&["token", "create"]).failed(2);
    world
        .run(&["token", "create", "--admin", "--user", "alice"])
        .failed(2);
    let bare = world.run(&["token", "create", "--external", "*"]).failed(2);
    assert!(bare.err.contains("anybody"), "{}", bare.err);
    world
        .run(&["token", "create", "--user", "nobody"])
        .failed(1);
    let user = world
        .run(&["token", "create", "--external", "alice"])
        .failed(1);
    assert!(
        user.err.contains("alice exists already, as a user"),
        "{}",
        user.err
    );
    assert_eq!(
        world.run(&["token", "list", "--json"]).ok().json()["tokens"],
        serde_json::json!([])
    );
}

#[test]
fn a_token_is_revoked_by_itself_or_by_its_id() {
    let world = World::with_users(&["alice"]);
    let (one, two) = (world.user("alice"), world.user("alice"));
    let done = world.run(&["token", "revoke", &one]).ok();
    assert!(!done.out.contains(&one), "a token is not repeated");
    let tokens = world.run(&["token", "list", "--json"]).ok().json();
    let id = tokens["tokens"][0]["id"].as_str().unwrap();
    world.run(&["token", "revoke", id]).ok();
    for gone in [id, &one, &two, "crewline_none"] {
        let failed = world.run(&["token", "revoke", gone]).failed(1);
        assert!(
            failed.err.contains("there is no such token"),
            "{}",
            failed.err
        );
    }
}
