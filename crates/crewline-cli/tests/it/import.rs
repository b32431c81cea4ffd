//! Users from CSV.

use crate::support::{PASSWORD, World};

fn ids(world: &World) -> Vec<String> {
    let users = world.run(&["user", "list", "--json"]).ok().json();
    users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["userId"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let world = World::with_users(&["alice"]);
    world.write(
        "crew.csv",
        "role,id,password,name\ndispatcher,alice,,ALICE\n,bob,a long password,Bob\n",
    );
    let said = world
        .run(&["user", "import", "crew.csv", "--dry-run"])
        .ok()
        .out;
    assert_eq!(
        said,
        "would add 1: bob\nwould change 1: alice\nwould leave 0\nnothing was changed (--dry-run)\n"
    );
    assert_eq!(ids(&world), ["alice"]);
    let said = world.run(&["user", "import", "crew.csv"]).ok().out;
    assert_eq!(said, "added 1: bob\nchanged 1: alice\nleft 0\n");
    assert_eq!(ids(&world), ["alice", "bob"]);
}

#[test]
fn one_wrong_line_and_nothing_is_imported() {
    let world = World::with_users(&["alice"]);
    world.external("scada");
    world.write(
        "crew.csv",
        "id,name,role,password\nbob,,,\nme,,,\ncarol,,boss,\nbob,,,\n",
    );
    let failed = world.run(&["user", "import", "crew.csv"]).failed(1);
    for fault in [
        "line 3: the id",
        "line 4: \"boss\" is not a role",
        "line 5: the id bob is in line 2 already",
    ] {
        assert!(failed.err.contains(fault), "{fault}: {}", failed.err);
    }
    // What only the directory knows is found before anything is written, too.
    world.write("crew.csv", "id,name,role,password\nbob,,,\nscada,,,\n");
    let failed = world.run(&["user", "import", "crew.csv"]).failed(1);
    assert!(failed.err.contains("line 3: "), "{}", failed.err);
    assert_eq!(ids(&world), ["alice"]);
}

#[test]
fn importing_the_same_file_again_leaves_everybody_as_they_are() {
    let world = World::with_users(&["alice", "bob"]);
    let again = world.run(&["user", "import", "users.csv"]).ok().out;
    assert_eq!(again, "added 0\nchanged 0\nleft 2: alice, bob\n");
    // An empty password leaves the old one.
    world.write("crew.csv", "id,name,role,password\nalice,ALICE,crew,\n");
    world.run(&["user", "import", "crew.csv"]).ok();
    let server = world.serve();
    let sign_in = serde_json::json!({ "userId": "alice", "password": PASSWORD });
    let (status, answer) = server.call("POST", "/api/v1/session", "", Some(sign_in));
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let failed = World::new().run(&["user", "import", "none.csv"]).failed(1);
    assert!(failed.err.contains("none.csv"), "{}", failed.err);
}
