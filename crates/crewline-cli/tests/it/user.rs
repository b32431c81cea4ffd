//! The people of the directory.

use crate::support::{PASSWORD, World, names};

#[test]
fn users_are_added_listed_disabled_and_enabled() {
    let world = World::new();
    let add = [
        "user",
        "add",
        "alice",
        "--name",
        "Alice Adams",
        "--role",
        "dispatcher",
        "--password-stdin",
    ];
    let added = world.run_with(&add, &format!("{PASSWORD}\n")).ok();
    assert_eq!(added.out, "added alice (dispatcher)\n");
    let added = world.run(&["user", "add", "bob"]).ok();
    assert!(added.out.contains("no password is set"), "{}", added.out);
    world.run(&["user", "disable", "bob"]).ok();
    let users = world.run(&["user", "list", "--json"]).ok().json();
    let users = users["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(
        (&users[0]["userId"], &users[0]["name"]),
        (&"alice".into(), &"Alice Adams".into())
    );
    assert_eq!(
        (&users[0]["role"], &users[0]["hasPassword"]),
        (&"dispatcher".into(), &true.into())
    );
    assert_eq!(
        (&users[1]["disabled"], &users[1]["hasPassword"]),
        (&true.into(), &false.into())
    );
    world.run(&["user", "enable", "bob"]).ok();
    let table = world.run(&["user", "list"]).ok().out;
    let columns: Vec<_> = table
        .lines()
        .map(|line| line.find("enabled").or_else(|| line.find("STATE")))
        .collect();
    assert_eq!(columns, [columns[0]; 3], "{table}");
    assert!(!table.contains('\u{1b}'), "no colour where nobody looks");
}

#[test]
fn an_id_that_is_taken_or_impossible_is_refused() {
    let world = World::with_users(&["alice"]);
    world.external("scada");
    let failed = world.run(&["user", "add", "alice"]).failed(1);
    assert!(
        failed.err.contains("alice exists already, as a user"),
        "{}",
        failed.err
    );
    let failed = world.run(&["user", "add", "scada"]).failed(1);
    assert!(
        failed.err.contains("scada exists already, as an external"),
        "{}",
        failed.err
    );
    for id in ["me", "", ".."] {
        world.run(&["user", "add", id]).failed(2);
    }
    world
        .run(&["user", "add", "carol", "--role", "boss"])
        .failed(2);
    let failed = world.run(&["user", "disable", "nobody"]).failed(1);
    assert!(
        failed.err.contains("there is no user nobody"),
        "{}",
        failed.err
    );
    let users = world.run(&["user", "list", "--json"]).ok().json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
}

#[test]
fn an_id_that_looks_like_another_warns_and_is_taken() {
    let world = World::with_users(&["müller"]);
    let added = world.run(&["user", "add", "MU\u{308}LLER"]).ok();
    assert!(
        added.err.contains("warning: ") && added.err.contains("looks like müller"),
        "{}",
        added.err
    );
}

#[test]
fn a_password_is_one_line_and_not_empty() {
    let world = World::with_users(&["alice"]);
    let passwd = ["user", "passwd", "alice", "--password-stdin"];
    for wrong in ["", "\n", "\r\n", "two\nlines\n", &"x".repeat(1_025)] {
        let failed = world.run_with(&passwd, wrong).failed(1);
        assert!(failed.err.contains("the password "), "{}", failed.err);
    }
    let short = world.run_with(&passwd, "seven77\n").ok();
    assert!(
        short.err.contains("warning: ") && short.err.contains("fewer than 8"),
        "{}",
        short.err
    );
    let fine = world.run_with(&passwd, PASSWORD).ok();
    assert_eq!(fine.err, "");
}

#[test]
fn a_mistyped_store_is_not_made_by_looking_at_it() {
    let world = World::new();
    for args in [
        &["user", "list"][..],
        &["token", "list"],
        &["user", "disable", "a"],
        &["user", "role", "a", "crew"],
        &["user", "sign-out", "a"],
        &["user", "watch", "a", "b"],
        &["user", "unwatch", "a", "b"],
        &["token", "revoke", "1"],
        &["db", "check"],
    ] {
        let failed = world.run(args).failed(1);
        assert!(
            failed.err.contains("there is no store at crewline.db"),
            "{}",
            failed.err
        );
        assert!(failed.err.contains("\n  try: --store "), "{}", failed.err);
    }
    assert_eq!(names(&world.path(".")), [""; 0]);
    let failed = world
        .run(&["user", "add", "alice", "--store", "sqlite://nowhere/x.db"])
        .failed(1);
    assert!(failed.err.contains("nowhere"), "{}", failed.err);
}
