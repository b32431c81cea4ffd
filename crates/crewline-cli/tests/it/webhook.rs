//! Webhooks, as an administrator and a receiver meet them: the real program, killed, and told what to do beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::hook::{Hook, Post};
use crate::support::{Server, World, until};

const ALLOWED: &str = "[webhooks]\nallowNetworks = [\"127.0.0.0/8\"]\n";

/// A world whose webhooks may post to this machine, with the tokens of `desk` and `scada`.
fn world() -> (World, String, String) {
    let world = World::new();
    let (desk, scada) = (world.external("desk"), world.external("scada"));
    world.write("crewline.toml", ALLOWED);
    (world, desk, scada)
}

/// Sends to the desk; the message's id, where it was answered.
fn send(server: &Server, token: &str, text: &str) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "desk" }], "message": text,
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
    sent["messageId"].clone()
}

fn add(world: &World, url: &str) -> Value {
    let added = world.run(&["webhook", "add", "desk", url, "--json"]).ok();
    added.json()
}

fn texts(posts: &[Post]) -> Vec<String> {
    posts
        .iter()
        .map(Post::text)
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn nothing_is_lost_and_nothing_out_of_order_when_server_and_receiver_are_killed() {
    let (world, _, scada) = world();
    let hook = Hook::start();
    add(&world, &hook.url("/"));
    let mut answered = Vec::new();
    for round in 0..6 {
        let server = world.serve();
        for number in 0..25 {
            let text = format!("{round}.{number}");
            answered.push((send(&server, &scada, &text), text));
            if round % 2 == 1 && number == 10 {
                hook.kill();
            }
        }
        server.process.signal("-KILL");
        server.process.end();
        hook.revive();
    }
    let server = world.serve();
    let last = answered.last().unwrap().1.clone();
    until("the last one has come", || {
        texts(&hook.posts()).contains(&last)
    });
    let mut bodies: BTreeMap<u64, Post> = BTreeMap::new();
    let mut order = Vec::new();
    for post in hook.posts() {
        let seq = post.json()["seq"].as_u64().unwrap();
        if let Some(first) = bodies.get(&seq) {
            assert_eq!(
                (&first.id, &first.body),
                (&post.id, &post.body),
                "twice, and another"
            );
        } else {
            order.push(seq);
            bodies.insert(seq, post);
        }
    }
    assert_eq!(
        order,
        (1..=order.len() as u64).collect::<Vec<_>>(),
        "a gap, or not in order"
    );
    let came: Vec<String> = bodies
        .values()
        .map(Post::text)
        .filter(|text| !text.is_empty())
        .collect();
    let sent: Vec<String> = answered.iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(came, sent);
    for (message, text) in &answered {
        let path = format!("/api/v1/messages/{}", message.as_str().unwrap());
        until(text, || {
            server.get(&path, &scada).1["recipients"][0]["state"] == "delivered"
        });
    }
}

#[test]
fn what_the_administrator_does_beside_the_server_is_noticed() {
    let (world, _, scada) = world();
    let (hook, server) = (Hook::start(), world.serve());
    let webhook = |args: &[&str]| {
        let mut all = vec!["webhook"];
        all.extend(args);
        world.run(&all)
    };
    let added = add(&world, &hook.url("/"));
    let id = added["webhookId"].as_str().unwrap().to_owned();
    send(&server, &scada, "first");
    until("it was added", || texts(&hook.posts()) == ["first"]);
    let at = || {
        let list = webhook(&["list", "--json"]).ok().json();
        list["webhooks"][0].clone()
    };
    until("it is confirmed", || at()["seq"] == at()["head"]);
    assert_eq!(at()["secret"], Value::Null, "it is shown once");

    let paused = webhook(&["pause", &id, "--json"]).ok().json();
    assert_eq!(paused["state"], "paused");
    until("the pause was noticed", || {
        metric(&server, "crewline_webhooks{state=\"paused\"}") == "1"
    });
    send(&server, &scada, "second");
    let tested = webhook(&["test", &id, "--json"]).ok().json();
    assert_eq!(
        (&tested["taken"], &tested["status"]),
        (&json!(true), &json!(204))
    );
    let posts = hook.posts();
    assert_eq!(texts(&posts), ["first"], "paused");
    assert_eq!(posts.last().unwrap().json()["type"], "webhook.test");
    webhook(&["resume", &id]).ok();
    until("it was resumed", || {
        texts(&hook.posts()) == ["first", "second"]
    });

    webhook(&["replay", &id, "--from", "1"]).ok();
    until("all came again", || {
        texts(&hook.posts()) == ["first", "second", "first", "second"]
    });
    let list = webhook(&["failures", &id]).ok();
    assert_eq!(list.line(), "its receiver has taken every event so far");
    hook.answer(410);
    send(&server, &scada, "third");
    until("410 pauses", || at()["state"] == "paused");
    assert!(at()["reason"].as_str().unwrap().contains("410"), "{}", at());
    let failures = webhook(&["failures", &id, "--json"]).ok().json();
    assert_eq!(failures["failures"][0]["status"], 410, "{failures}");

    webhook(&["remove", &id]).ok();
    let none = webhook(&["list"]).ok();
    assert!(none.out.starts_with("no webhooks yet"), "{none:?}");
    let missing = webhook(&["pause", &id]).failed(1);
    assert!(
        missing.err.contains(&format!("there is no webhook {id}")),
        "{missing:?}"
    );
}

fn metric(server: &Server, name: &str) -> String {
    let (_, text) = server.call("GET", "/metrics", "", None);
    let text = text.as_str().unwrap().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn neither_the_secret_nor_the_path_of_a_url_is_ever_logged() {
    let (world, desk, scada) = world();
    let (hook, server) = (Hook::start(), world.serve_with(&["--log-level", "trace"]));
    let body = json!({ "url": hook.url("/very-private?key=hush") });
    let (status, added) = server.call("POST", "/api/v1/webhooks", &desk, Some(body));
    assert_eq!(status, 201, "{added}");
    let secret = added["secret"].as_str().unwrap().to_owned();
    hook.answer(500);
    send(&server, &scada, "a text that is nobody's business");
    let path = format!("/api/v1/webhooks/{}", added["webhookId"].as_str().unwrap());
    until("it is refused", || {
        server.get(&path, &desk).1["failing"] != Value::Null
    });
    hook.answer(204);
    server.call("POST", &format!("{path}/resume"), &desk, None);
    until("it is taken", || {
        server.get(&path, &desk).1["failing"] == Value::Null
    });
    server.call("POST", &format!("{path}/test"), &desk, None);
    server.call("DELETE", &path, &desk, None);
    let done = server.stop().ok();
    let key = secret.strip_prefix("whsec_").unwrap();
    for hidden in [key, "very-private", "hush", "nobody's business"] {
        assert!(!done.err.contains(hidden), "the log holds {hidden}");
    }
    assert!(done.err.contains("a webhook is added"), "{}", done.err);
    assert!(done.err.contains("does not take an event"), "{}", done.err);
}

/// A python with the reference library, in a folder of the build; `None`, said loudly, where the machine has none.
fn python() -> Option<PathBuf> {
    let build = Path::new(env!("CARGO_BIN_EXE_crewline")).parent().unwrap();
    let (venv, lock) = (
        build.join("python-webhooks"),
        build.join("python-webhooks.lock"),
    );
    let python = venv.join("bin/python");
    // Another run of the tests may be making it.
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let there = || {
        let mut command = Command::new(&python);
        command.args(["-c", "import standardwebhooks"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let make = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        output.is_ok_and(|output| output.status.success())
    };
    let folder = venv.to_str().unwrap();
    let made = there()
        || (make(Path::new("python3"), &["-m", "venv", folder])
            && make(
                &python,
                &["-m", "pip", "install", "-q", "standardwebhooks==1.0.1"],
            )
            && there());
    if !made {
        eprintln!(
            "NOT TESTED: signatures were not held against the reference library: python3 with venv and pip, and a way to PyPI, are needed"
        );
    }
    made.then_some(python)
}

const VERIFY: &str = r#"
import json, sys
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
given = json.load(sys.stdin)
hook = Webhook(given["secret"])
for post in given["posts"]:
    hook.verify(post["body"], post["headers"])
    for wrong in [dict(post, body=post["body"] + " "), dict(post, headers=dict(post["headers"], **{"webhook-id": "other"}))]:
        try:
            hook.verify(wrong["body"], wrong["headers"])
        except WebhookVerificationError:
            continue
        sys.exit("a wrong one was taken")
print(len(given["posts"]), "verified")
"#;

#[test]
fn the_reference_library_verifies_every_signature() {
    let Some(python) = python() else { return };
    let (world, _, scada) = world();
    let (hook, server) = (Hook::start(), world.serve());
    let added = add(&world, &hook.url("/"));
    for text in [
        "plain",
        "Störung im Umspannwerk – «Ost» 🚒",
        "\"quoted\"\n\t\\",
    ] {
        send(&server, &scada, text);
    }
    until("all have come", || texts(&hook.posts()).len() == 3);
    world
        .run(&["webhook", "test", added["webhookId"].as_str().unwrap()])
        .ok();
    let posts: Vec<Value> = hook
        .posts()
        .iter()
        .map(|post| {
            json!({ "body": post.body, "headers": {
                "webhook-id": post.id, "webhook-timestamp": post.timestamp, "webhook-signature": post.signature,
            }})
        })
        .collect();
    assert!(posts.len() >= 4);
    world.write(
        "given.json",
        &json!({ "secret": added["secret"], "posts": posts }).to_string(),
    );
    let given = std::fs::File::open(world.path("given.json")).unwrap();
    let output = Command::new(python)
        .args(["-c", VERIFY])
        .stdin(given)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said.trim(),
        format!("{} verified", posts.len()),
        "{output:?}"
    );
}

#[test]
fn without_the_setting_this_machine_is_not_called() {
    let world = World::new();
    world.external("desk");
    let hook = Hook::start();
    let added = add(&world, &hook.url("/"));
    let id = added["webhookId"].as_str().unwrap();
    let refused = world.run(&["webhook", "test", id]).failed(1);
    assert!(
        refused.err.contains("webhooks.allowNetworks"),
        "{refused:?}"
    );
    let env = [("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")];
    let checks = world.run_env(&["doctor", "--json"], &env).ok().json();
    let found = checks["checks"].as_array().unwrap().iter();
    let found: Vec<&Value> = found.filter(|found| found["check"] == "webhooks").collect();
    assert_eq!(
        (found.len(), &found[0]["status"]),
        (1, &json!("warn")),
        "{checks}"
    );
    assert!(
        found[0]["what"]
            .as_str()
            .unwrap()
            .contains("of desk is not called"),
        "{checks}"
    );
    let never = ["webhook", "add", "desk", "http://169.254.169.254/latest"];
    let never = world.run(&never).failed(2);
    assert!(never.err.contains("is never called"), "{never:?}");
    assert_eq!(hook.posts().len(), 0);
}
