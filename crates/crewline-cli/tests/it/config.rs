//! The layers of the configuration.

use crate::support::World;

fn shown(world: &World, args: &[&str], env: &[(&str, &str)], key: &str) -> (String, String) {
    let mut all = vec!["config", "show", "--json"];
    all.extend(args);
    let settings = world.run_env(&all, env).ok().json();
    let setting = settings["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["key"] == key)
        .unwrap();
    (
        setting["value"].to_string(),
        setting["origin"].as_str().unwrap().to_owned(),
    )
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn defaults_then_the_file_then_the_environment_then_flags() {
    let world = World::new();
    let key = "store.url";
    assert_eq!(
        shown(&world, &[], &[], key),
        pair("\"sqlite://crewline.db\"", "default")
    );
    world.write("crewline.toml", "[store]\nurl = \"sqlite://file.db\"\n");
    assert_eq!(
        shown(&world, &[], &[], key),
        pair("\"sqlite://file.db\"", "crewline.toml")
    );
    let env = [("CREWLINE_STORE_URL", "sqlite://env.db")];
    assert_eq!(
        shown(&world, &[], &env, key),
        pair("\"sqlite://env.db\"", "CREWLINE_STORE_URL")
    );
    let flag = ["--store", "sqlite://flag.db"];
    assert_eq!(
        shown(&world, &flag, &env, key),
        pair("\"sqlite://flag.db\"", "--store")
    );
}

#[test]
fn another_file_is_read_where_it_is_named() {
    let world = World::new();
    world.write("crewline.toml", "this is not read");
    world.write(
        "other.toml",
        "[directory]\nunknownRecipients = \"accept\"\n",
    );
    let shown = shown(
        &world,
        &["--config", "other.toml"],
        &[],
        "directory.unknownRecipients",
    );
    assert_eq!(shown, pair("\"accept\"", "other.toml"));
    let missing = world
        .run(&["config", "show", "--config", "none.toml"])
        .failed(1);
    assert!(missing.err.contains("none.toml"), "{}", missing.err);
}

#[test]
fn a_camel_case_key_has_two_spellings_in_the_environment() {
    let world = World::new();
    for name in [
        "CREWLINE_DIRECTORY_UNKNOWNRECIPIENTS",
        "CREWLINE_DIRECTORY_UNKNOWN_RECIPIENTS",
    ] {
        let shown = shown(
            &world,
            &[],
            &[(name, "accept")],
            "directory.unknownRecipients",
        );
        assert_eq!(shown, pair("\"accept\"", name));
    }
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_that_names_key_file_and_nearest() {
    let world = World::new();
    world.write("crewline.toml", "[http]\nlisten_on = \"127.0.0.1:1\"\n");
    let failed = world.run(&["config", "show"]).failed(1);
    assert!(
        failed.err.starts_with(
            "error: crewline.toml has the unknown key http.listen_on; did you mean http.listen?\n"
        ),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("\n  try: "), "{}", failed.err);
    // A server with a file it does not understand does not start.
    world.run(&["serve", "--listen", "127.0.0.1:0"]).failed(1);
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let shown = World::new()
        .run_env(&["config", "show"], &[("CREWLINE_HTTP_LISTN", "x")])
        .ok();
    assert!(shown.err.starts_with("warning: "), "{}", shown.err);
    assert!(
        shown.err.contains("CREWLINE_HTTP_LISTN") && shown.err.contains("CREWLINE_HTTP_LISTEN?"),
        "{}",
        shown.err
    );
}

#[test]
fn a_wrong_value_is_refused_with_its_key_and_where_it_came_from() {
    let world = World::new();
    let cases = [
        ("CREWLINE_HTTP_LISTEN", "8080", "http.listen"),
        (
            "CREWLINE_HTTP_HEARTBEATSECONDS",
            "61",
            "http.heartbeatSeconds",
        ),
        ("CREWLINE_HTTP_ORIGINS", "crew.example.org", "http.origins"),
        (
            "CREWLINE_HTTP_TRUSTED_PROXIES",
            "10.0.0.5,proxy",
            "http.trustedProxies",
        ),
        (
            "CREWLINE_DIRECTORY_UNKNOWNRECIPIENTS",
            "maybe",
            "directory.unknownRecipients",
        ),
        ("CREWLINE_STORE_URL", "mysql://x", "store.url"),
        ("CREWLINE_LOG_LEVEL", "loud", "log.level"),
        ("CREWLINE_LOG_FORMAT", "xml", "log.format"),
        ("CREWLINE_AUTH_SESSION_DAYS", "0", "auth.sessionDays"),
        ("CREWLINE_URL", "127.0.0.1", "client.url"),
    ];
    for (name, value, key) in cases {
        let failed = world
            .run_env(&["config", "show"], &[(name, value)])
            .failed(1);
        assert!(
            failed.err.contains(key) && failed.err.contains(name),
            "{name}: {}",
            failed.err
        );
    }
}

#[test]
fn secrets_are_hidden() {
    let shown = World::new()
        .run_env(
            &["config", "show"],
            &[("CREWLINE_TOKEN", "crewline_secret")],
        )
        .ok();
    assert!(!shown.out.contains("crewline_secret"), "{}", shown.out);
    assert!(
        shown.out.contains("client.token") && shown.out.contains("(hidden)"),
        "{}",
        shown.out
    );
}
