//! Who may call what, held against the whole description: every call is made as everybody who may not.

use hyper::Method;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::rig::{Rig, refusal};
use crewline_api::Role;

/// A call of the description.
struct Described {
    method: Method,
    /// With an id in each place of the path.
    path: String,
    who: String,
}

/// Every call, with the mark that it must have.
fn calls() -> Vec<Described> {
    let description = serde_json::to_value(crewline_http::openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let who = operation["x-crewline-who"].as_str();
            let who = who.unwrap_or_else(|| {
                panic!("{method} {path} has no mark: add it to the table of who.rs")
            });
            calls.push(Described {
                method: method.to_uppercase().parse().unwrap(),
                path: fill(path),
                who: who.to_owned(),
            });
        }
    }
    assert!(calls.len() > 40);
    calls
}

/// A path with something in each place that could be there.
fn fill(path: &str) -> String {
    let part = |part: &str| match part {
        "{id}" => "scada".to_owned(),
        "{userId}" => "bob".to_owned(),
        "{chatId}" => "c1h8d2m4rwz".to_owned(),
        "{messageId}" => "m2k7f3q9xab".to_owned(),
        part if part.starts_with('{') => "1".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn call(rig: &Rig, described: &Described) -> Call {
    rig.call(described.method.clone(), &described.path)
}

/// A dispatcher and an administrator without more, each signed in, beside those of the rig.
async fn with_people(rig: &Rig) -> [String; 2] {
    let mut tokens = Vec::new();
    for (user, role) in [("dora", Role::Dispatcher), ("erna", Role::Administrator)] {
        let hash = crewline_http::password::hash("a long password").unwrap();
        rig.add_user(user, user, role, Some(hash)).await;
        let body = json!({"userId": user, "password": "a long password"});
        let session = rig.call(Method::POST, "/api/v1/session").json(&body);
        let session = session.send().await;
        tokens.push(session.value()["token"].as_str().unwrap().to_owned());
    }
    tokens.try_into().unwrap()
}

fn is_refused(reply: &Reply) -> bool {
    reply.status == 403
}

#[tokio::test]
async fn a_user_without_the_right_is_refused_by_each_call_of_administration() {
    let rig = Rig::start().await;
    let [dispatcher, _] = with_people(&rig).await;
    let before = rig.everything().await;
    let mut count = 0;
    for described in calls() {
        let refused: &[&str] = match described.who.as_str() {
            "administrators" => &[
                "alice-token",
                &dispatcher,
                "scada-token",
                "oms-token",
                "many-token",
            ],
            "administrators, externals" => &["alice-token", &dispatcher],
            "dispatchers, administrators" => {
                &["alice-token", "scada-token", "oms-token", "many-token"]
            }
            "users who run the desk" => &[
                "alice-token",
                "scada-token",
                "oms-token",
                "many-token",
                "admin-token",
            ],
            "dispatchers, administrators, externals" => &["alice-token"],
            // The call is about bob.
            "users of themselves, dispatchers, administrators" => &["alice-token", "scada-token"],
            "users with a session" => &["alice-token", "scada-token", "admin-token"],
            "users" => &["scada-token", "admin-token"],
            "externals" => &["alice-token", "admin-token"],
            "everybody"
            | "everybody with credentials"
            | "participants"
            | "participants, administrators" => &[],
            other => panic!("{other:?} is no mark"),
        };
        for token in refused {
            // Whatever else is wrong with the call: nothing is told of it.
            for body in [Value::Null, json!({}), json!({"nonsense": 1})] {
                let call = call(&rig, &described).token(token).json(&body);
                let reply = refusal(&call.send().await);
                let (method, path) = (&described.method, &described.path);
                assert!(
                    reply.starts_with("403 not_allowed"),
                    "{method} {path} as {token} with {body}: {reply}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
    assert_eq!(rig.everything().await, before);
    rig.stop().await;
}

#[tokio::test]
async fn without_credentials_each_call_that_is_not_for_everybody_is_refused() {
    let rig = Rig::start().await;
    let unknown = Rig::unknown_secret();
    for described in calls() {
        for token in [None, Some(&unknown)] {
            let mut call = call(&rig, &described);
            if let Some(token) = token {
                call = call.token(token);
            }
            let reply = call.send().await;
            let (method, path) = (&described.method, &described.path);
            if described.who == "everybody" {
                assert_ne!(reply.status, 403, "{method} {path}");
            } else {
                let refused = refusal(&reply);
                // A request that is no handshake of a socket is told so first.
                let expected = ["401 unauthenticated", "426 upgrade_required"];
                assert!(
                    expected.iter().any(|begin| refused.starts_with(begin)),
                    "{method} {path}: {refused}"
                );
            }
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_administrator_is_refused_by_no_call_of_administration() {
    let rig = Rig::start().await;
    let [_, administrator] = with_people(&rig).await;
    for described in calls() {
        // What ends what the next ones need comes not at all.
        if !described.who.contains("administrators") || described.method == Method::DELETE {
            continue;
        }
        for token in [administrator.as_str(), "carol-token", "admin-token"] {
            let call = call(&rig, &described).token(token).json(&json!({}));
            let reply = call.send().await;
            let (method, path) = (&described.method, &described.path);
            assert!(
                !is_refused(&reply) && reply.status != 401 && reply.status < 500
                    || path.ends_with("/test"),
                "{method} {path} as {token}: {}",
                reply.text()
            );
        }
    }
    rig.stop().await;
}
