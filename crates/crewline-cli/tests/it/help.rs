//! What the command line says of itself.

use std::process::Stdio;

use crate::support::{World, names};

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = World::new().run(&["--help"]).ok().out;
    for command in [
        "serve",
        "user",
        "token",
        "send",
        "listen",
        "db",
        "doctor",
        "config",
        "completions",
        "man",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
    assert!(
        help.contains("Exit codes:")
            && help.contains("Examples:")
            && help.contains("--store <URL>")
    );
}

#[test]
fn every_command_has_help_and_what_comes_later_is_not_offered() {
    let world = World::new();
    let commands = "serve|user add|user list|user enable|user disable|user passwd|user role|user sign-out|user watch|user unwatch|user import|token create|token list|\
        token revoke|send|listen|db backup|db check|db shell|doctor|config show|completions|man";
    for command in commands.split('|') {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = world.run(&args).ok().out;
        assert!(help.contains("Usage: crewline"), "{command}: {help}");
        assert!(!help.contains("restore "), "{command}: {help}");
    }
    assert_eq!(
        names(&world.path(".")),
        [""; 0],
        "asking for help leaves nothing behind"
    );
}

#[test]
fn completions_and_manual_pages_are_made_from_the_same_words() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).ok().out;
        assert!(
            script.contains("crewline") && script.contains("listen"),
            "{shell}"
        );
    }
    world.run(&["man", "pages/man1"]).ok();
    let pages = names(&world.path("pages/man1"));
    for page in [
        "crewline.1",
        "crewline-serve.1",
        "crewline-user-add.1",
        "crewline-send.1",
    ] {
        assert!(pages.contains(&page.to_owned()), "{pages:?}");
    }
}

#[test]
fn a_call_that_makes_no_sense_exits_2() {
    let world = World::new();
    for args in [
        &["sned"][..],
        &[],
        &["send", "hello"],
        &["listen", "--after", "1", "--cursor", "a"],
        &["user", "passwd", "a"],
    ] {
        world.run(args).failed(2);
    }
    let wrong = world
        .run(&["send", "--to", "alice", "--timeout", "soon", "hello"])
        .failed(2);
    assert!(
        wrong.err.contains("write 30s, 500ms, 2m or 1h"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let world = World::new();
    let mut child = world
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_version_names_the_commit_that_it_was_built_from() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let git = std::process::Command::new("git")
        .args(["-C", root, "rev-parse", "--short=12", "HEAD"])
        .output();
    let is_checkout = std::path::Path::new(root).join(".git").exists();
    let head = git.ok().filter(|git| git.status.success() && is_checkout);
    let commit = head.map(|head| String::from_utf8(head.stdout).unwrap().trim().to_owned());
    // In an archive of the sources a file says it; in a checkout that holds what git is to put there.
    let file = std::fs::read_to_string(std::path::Path::new(root).join(".commit"));
    let packed = file.ok().filter(|text| !text.starts_with('$'));
    let commit = commit.or_else(|| packed.map(|text| text[..12].to_owned()));
    let commit = commit.unwrap_or_else(|| "unknown".to_owned());
    let version = env!("CARGO_PKG_VERSION");
    let world = World::new();
    let long = world.run(&["--version"]).ok().out;
    let lines: Vec<&str> = long.lines().collect();
    // Whoever works on it has changed something, and the program says so.
    let named = lines[0].replace("-dirty)", ")");
    assert_eq!(named, format!("crewline {version} ({commit})"));
    let newest = crewline_store_sqlite::NEWEST_SCHEMA;
    let postgres = crewline_store_postgres::NEWEST_SCHEMA;
    assert_eq!(
        lines[2],
        format!("schemas: SQLite {newest}, PostgreSQL {postgres}")
    );
    assert_eq!(world.run(&["-V"]).ok().out, format!("crewline {version}\n"));
    assert_eq!(world.run(&["version"]).ok().out, long);
    let told = world.run(&["version", "--json"]).ok().json();
    assert_eq!(told["version"], version);
    assert!(lines[0].contains(told["commit"].as_str().unwrap()));
    assert_eq!(
        told["schemas"],
        serde_json::json!({"sqlite": newest, "postgres": postgres})
    );
    let (time, target) = (&told["committedAt"], told["target"].as_str().unwrap());
    let time = time
        .as_str()
        .map_or_else(|| "an unknown time".to_owned(), str::to_owned);
    assert_eq!(lines[1], format!("committed at {time}, built for {target}"));
}
