//! The store as a whole.

use crate::support::{World, names};

#[test]
fn a_backup_is_taken_while_a_server_runs_and_is_whole() {
    let world = World::with_users(&["alice"]);
    let (sender, server) = (world.external("scada"), world.serve());
    let send = [
        "send",
        "--to",
        "alice",
        "--from",
        "scada",
        "Before the backup",
    ];
    assert!(
        world
            .talk(&server.url, &sender, &send)
            .output()
            .unwrap()
            .status
            .success()
    );
    world.run(&["db", "backup", "copy.db"]).ok();
    let checked = world
        .run(&["db", "check", "--store", "sqlite://copy.db", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&checked["ok"], &checked["messages"]),
        (&true.into(), &1.into()),
        "{checked}"
    );
    // Opened, its logs are others.
    let epoch = |store: &str| {
        let checked = world
            .run(&["db", "check", "--store", store, "--json"])
            .ok()
            .json();
        checked["epoch"].as_str().unwrap().to_owned()
    };
    world
        .run(&["user", "list", "--store", "sqlite://copy.db"])
        .ok();
    assert_ne!(epoch("sqlite://copy.db"), epoch("sqlite://crewline.db"));
    let before = std::fs::read(world.path("copy.db")).unwrap();
    let failed = world.run(&["db", "backup", "copy.db"]).failed(1);
    assert!(failed.err.contains("copy.db"), "{}", failed.err);
    assert_eq!(
        std::fs::read(world.path("copy.db")).unwrap(),
        before,
        "what is there is not written over"
    );
    assert!(
        !names(&world.path("."))
            .iter()
            .any(|name| name.contains("tmp") || name.contains("partial"))
    );
}

#[test]
fn a_damaged_store_is_told_with_what_to_do() {
    let world = World::new();
    world.write(
        "crewline.db",
        "this is a letter and no store, however long it may be: it goes on and on",
    );
    for args in [
        &["db", "check"][..],
        &["user", "list"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["doctor"],
    ] {
        let failed = world.run(args).failed(1);
        assert!(
            format!("{}{}", failed.err, failed.out).contains("crewline.db"),
            "{failed:?}"
        );
    }
}

#[test]
fn the_shell_shows_rows_and_changes_nothing_unless_asked_to() {
    let world = World::with_users(&["alice", "bob"]);
    let shown = world
        .run(&["db", "shell", "SELECT id FROM participant ORDER BY id"])
        .ok()
        .out;
    assert_eq!(shown, "id\nalice\nbob\n");
    let piped = world
        .run_with(
            &["db", "shell"],
            "SELECT count(*) AS n FROM participant;\nSELECT 1 AS one;\n",
        )
        .ok()
        .out;
    assert_eq!(piped, "n\n2\none\n1\n");
    let failed = world
        .run(&["db", "shell", "DELETE FROM participant"])
        .failed(1);
    assert!(
        failed.err.contains("only reads the store") && failed.err.contains("--write"),
        "{}",
        failed.err
    );
    let failed = world.run(&["db", "shell", "SELEC 1"]).failed(1);
    assert!(failed.err.contains("SELEC"), "{}", failed.err);
    assert_eq!(
        world
            .run(&["db", "shell", "SELECT count(*) AS n FROM participant"])
            .ok()
            .out,
        "n\n2\n"
    );
}
