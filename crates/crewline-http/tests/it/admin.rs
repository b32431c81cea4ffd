//! What administrators see and change, and that each act stands in the audit.

use crewline_api::Role;
use hyper::Method;
use serde_json::{Value, json};

use crate::call::Reply;
use crate::rig::{Rig, refusal, refusals_of};
use crate::stream::Stream;

const USERS: &str = "/api/v1/admin/users";
const TOKENS: &str = "/api/v1/admin/tokens";
const PHONE: &str = "4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f57";

async fn get(rig: &Rig, path: &str) -> Value {
    let reply = rig.get("admin-token", path).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.value()
}

async fn call(rig: &Rig, method: Method, path: &str, body: &Value) -> Reply {
    let call = rig.call(method, path).token("carol-token");
    let call = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    call.send().await
}

async fn sign_in(rig: &Rig, user: &str, password: &str, device: Option<&str>) -> Reply {
    let body = json!({"userId": user, "password": password, "deviceId": device});
    rig.call(Method::POST, "/api/v1/session")
        .json(&body)
        .send()
        .await
}

/// The audit as `who what about detail`, oldest first, from where the rig was filled on.
async fn audit(rig: &Rig, query: &str) -> Vec<String> {
    let page = get(rig, &format!("/api/v1/admin/audit{query}")).await;
    let entries = page["entries"].as_array().unwrap();
    let line = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        let refused = if entry["refused"] == true {
            " refused"
        } else {
            ""
        };
        format!(
            "{} {}{refused} {} {}",
            text("who"),
            text("what"),
            text("about"),
            text("detail")
        )
    };
    entries.iter().rev().map(line).collect()
}

#[tokio::test]
async fn an_administrators_day() {
    let rig = Rig::start().await;
    let body = json!({"userId": "dora", "name": "Dora", "role": "dispatcher"});
    let added = call(&rig, Method::POST, USERS, &body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(added.header("cache-control"), Some("no-store"));
    let password = added.value()["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 23);
    assert_eq!(added.value()["user"]["role"], "dispatcher");
    let session = sign_in(&rig, "dora", &password, Some(PHONE)).await;
    assert_eq!(session.status, 201);
    let token = session.value()["token"].as_str().unwrap().to_owned();

    // What was shown once is never shown again.
    let dora = get(&rig, &format!("{USERS}/dora")).await;
    assert!(!dora.to_string().contains(&password));
    assert_eq!(dora["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(dora["devices"][0]["deviceId"], PHONE);
    assert_eq!(dora["lastSeenAt"], "2026-11-23T04:00:00.000Z");

    let one = format!("{USERS}/dora");
    let changes = json!({"role": "crew", "name": "Dora D."});
    let changed = call(&rig, Method::PATCH, &one, &changes).await;
    assert_eq!(
        (
            changed.status,
            changed.value()["name"].as_str(),
            changed.value()["role"].as_str()
        ),
        (200, Some("Dora D."), Some("crew"))
    );
    assert_eq!(rig.get(&token, "/api/v1/me").send().await.status, 200);
    let set = call(&rig, Method::PUT, &format!("{one}/password"), &Value::Null).await;
    let second = set.value()["password"].as_str().unwrap().to_owned();
    assert_eq!(set.header("cache-control"), Some("no-store"));
    assert_eq!(rig.get(&token, "/api/v1/me").send().await.status, 401);
    assert_eq!(sign_in(&rig, "dora", &password, None).await.status, 401);
    let chosen = json!({"password": "a password of hers"});
    let set = call(&rig, Method::PUT, &format!("{one}/password"), &chosen).await;
    assert_eq!(set.value(), json!({"userId": "dora"}));
    assert_eq!(sign_in(&rig, "dora", &second, None).await.status, 401);
    assert_eq!(
        sign_in(&rig, "dora", "a password of hers", None)
            .await
            .status,
        201
    );
    let off = call(&rig, Method::PATCH, &one, &json!({"disabled": true})).await;
    assert_eq!(off.value()["disabled"], true);
    assert_eq!(
        sign_in(&rig, "dora", "a password of hers", None)
            .await
            .status,
        401
    );
    let on = call(&rig, Method::PATCH, &one, &json!({"disabled": false})).await;
    assert_eq!(on.value()["disabled"], false);

    assert_eq!(
        audit(&rig, "?about=dora").await,
        [
            "carol user.added dora role dispatcher",
            "carol user.named dora name \"Dora D.\"",
            "carol user.role dora role crew",
            "carol user.password dora -",
            "carol user.password dora -",
            "carol user.disabled dora -",
            "carol user.enabled dora -",
        ]
    );
    assert_eq!(
        audit(&rig, "?who=dora").await,
        [
            "dora session.opened - -",
            "dora session.opened refused - wrong user or password, or disabled",
            "dora session.opened refused - wrong user or password, or disabled",
            "dora session.opened - -",
            "dora session.opened refused - wrong user or password, or disabled",
        ]
    );
    let page = get(&rig, "/api/v1/admin/audit?who=dora&limit=1").await;
    let entry = &page["entries"][0];
    assert_eq!(
        (entry["address"].as_str(), entry["role"].as_str()),
        (Some("127.0.0.1"), Some("nobody"))
    );
    let page = get(&rig, "/api/v1/admin/audit?who=dora&what=session.opened").await;
    let first = page["entries"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (first["deviceId"].as_str(), first["role"].as_str()),
        (Some(PHONE), Some("dispatcher"))
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_lost_phone_is_signed_out_and_nothing_else() {
    let rig = Rig::start().await;
    let phone = sign_in(&rig, "alice", "secret of alice", Some(PHONE)).await;
    let other = sign_in(&rig, "alice", "secret of alice", None).await;
    let token = |reply: &Reply| reply.value()["token"].as_str().unwrap().to_owned();
    let (phone, other) = (token(&phone), token(&other));
    let mut stream = Stream::of(&rig, &phone, "me/events", None).await;
    let device = format!("{USERS}/alice/devices/{PHONE}");
    let reply = call(&rig, Method::DELETE, &device, &Value::Null).await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert_eq!(rig.get(&phone, "/api/v1/me").send().await.status, 401);
    stream.end().await;
    assert_eq!(rig.get(&other, "/api/v1/me").send().await.status, 200);
    // Said again it is still so; a device that is another's is none.
    let again = call(&rig, Method::DELETE, &device, &Value::Null).await;
    assert_eq!(again.status, 204);
    let bobs = format!("{USERS}/bob/devices/{PHONE}");
    let reply = call(&rig, Method::DELETE, &bobs, &Value::Null).await;
    assert_eq!(reply.status, 404);

    let sessions = get(&rig, &format!("{USERS}/alice")).await["sessions"].clone();
    let id = sessions[0]["sessionId"].as_str().unwrap();
    let bobs = format!("{USERS}/bob/sessions/{id}");
    assert_eq!(
        call(&rig, Method::DELETE, &bobs, &Value::Null).await.status,
        404
    );
    let own = format!("{USERS}/alice/sessions/{id}");
    assert_eq!(
        call(&rig, Method::DELETE, &own, &Value::Null).await.status,
        204
    );
    assert_eq!(rig.get(&other, "/api/v1/me").send().await.status, 401);
    let out = format!("{USERS}/alice/sign-out");
    let reply = call(&rig, Method::POST, &out, &json!({"tokens": true})).await;
    assert_eq!(reply.status, 204);
    let token = rig.get("alice-token", "/api/v1/me").send().await;
    assert_eq!(token.status, 401);
    assert_eq!(
        audit(&rig, "?about=alice").await,
        [
            format!("carol user.deviceSignedOut alice device {PHONE}"),
            format!("carol user.deviceSignedOut alice device {PHONE}"),
            format!("carol user.sessionEnded alice session {id}"),
            "carol user.signedOut alice tokens too".to_owned(),
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn users_and_externals_are_found_and_paged() {
    let rig = Rig::start().await;
    for name in ["anna", "ANNE", "zoé"] {
        rig.add_user(name, "Somebody", Role::Crew, None).await;
    }
    let ids = |page: &Value, list: &str, id: &str| -> Vec<String> {
        let rows = page[list].as_array().unwrap().iter();
        rows.map(|row| row[id].as_str().unwrap().to_owned())
            .collect()
    };
    let users = |query: &'static str| get_owned(&rig, format!("{USERS}?{query}"));
    let found = users("q=an").await;
    assert_eq!(ids(&found, "users", "userId"), ["ANNE", "anna"]);
    let first = users("q=an&limit=1").await;
    assert_eq!(first["next"], "ANNE");
    let second = users("q=an&limit=1&after=ANNE").await;
    assert_eq!(ids(&second, "users", "userId"), ["anna"]);
    assert!(second["next"].is_null());
    assert_eq!(
        ids(&users("q=somebody").await, "users", "userId").len(),
        3,
        "names are looked through, too"
    );
    let page = get(&rig, "/api/v1/admin/externals?limit=2").await;
    assert_eq!(ids(&page, "externals", "externalId"), ["desk", "scada"]);
    assert_eq!(page["externals"][1]["tokenIds"], json!(["5", "8"]));
    rig.stop().await;
}

async fn get_owned(rig: &Rig, path: String) -> Value {
    get(rig, &path).await
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    let rig = Rig::start().await;
    let body = json!({"externals": ["plant:*", "plant:1", "plant:1"]});
    let made = call(&rig, Method::POST, TOKENS, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.value();
    let secret = made["token"].as_str().unwrap();
    assert_eq!(made["owners"], json!(["plant:*", "plant:1"]));
    let list = get(&rig, TOKENS).await;
    assert!(!list.to_string().contains(secret));
    let events = "/api/v1/participants/plant:1/events";
    assert_eq!(rig.get(secret, events).send().await.status, 200);
    let place = format!("{TOKENS}/{}", made["tokenId"].as_str().unwrap());
    let revoked = call(&rig, Method::DELETE, &place, &Value::Null).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(rig.get(secret, events).send().await.status, 401);
    let again = call(&rig, Method::DELETE, &place, &Value::Null).await;
    assert_eq!(again.status, 404);
    let id = made["tokenId"].as_str().unwrap();
    let kinds = "?what=token.made,token.revoked";
    assert_eq!(
        audit(&rig, kinds).await,
        [
            format!("carol token.made token {id} for plant:*, plant:1"),
            format!("carol token.revoked token {id} -"),
        ]
    );
    assert!(
        !get(&rig, "/api/v1/admin/audit")
            .await
            .to_string()
            .contains(secret)
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_an_administrator_says_wrong_is_named_and_changes_nothing() {
    let rig = Rig::start().await;
    let user = |body: Value| ("POST users", body);
    let long = "x".repeat(256);
    let cases = vec![
        user(json!({})),
        user(json!({"userId": "me", "name": "", "role": "boss", "password": "short"})),
        user(json!({"userId": "alice", "withoutPassword": true})),
        user(json!({"userId": "new", "password": "long enough", "withoutPassword": true})),
        user(json!({"userId": "new", "name": long, "nonsense": 1})),
        user(json!({"userId": "scada"})),
    ];
    let added = refusals_of(&rig, cases, |body| rig.post("carol-token", USERS, body)).await;
    let change = |path: &'static str| {
        let rig = &rig;
        move |body: &Value| {
            rig.call(Method::PATCH, &format!("{USERS}/{path}"))
                .token("carol-token")
                .json(body)
        }
    };
    let cases = vec![
        ("nothing", json!({})),
        ("null", json!({"role": null})),
        ("own role", json!({"role": "crew"})),
        ("own door", json!({"disabled": true})),
        ("types", json!({"disabled": "yes", "name": 1})),
    ];
    let own = refusals_of(&rig, cases, change("me")).await;
    let cases = vec![("nobody", json!({"disabled": true}))];
    let nobody = refusals_of(&rig, cases, change("nobody")).await;
    let cases = vec![
        ("none", json!({})),
        ("two", json!({"userId": "alice", "administration": true})),
        ("a user", json!({"externals": ["alice"]})),
        ("everybody", json!({"externals": ["*"]})),
        ("no external", json!({"externals": []})),
        ("no such user", json!({"userId": "nobody"})),
        ("false", json!({"administration": false})),
    ];
    let tokens = refusals_of(&rig, cases, |body| rig.post("carol-token", TOKENS, body)).await;
    insta::assert_snapshot!(
        "admin_refusals",
        format!("{added}\n{own}\n{nobody}\n{tokens}")
    );
    // What the directory refused is noted, and says so.
    assert!(
        audit(&rig, "?who=carol&about=scada").await.contains(
            &"carol user.added refused scada scada exists already, as an external".into()
        )
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_who_reads_is_noted_once_an_hour() {
    let rig = Rig::start().await;
    let sent = rig.send(&["bob"], "Hello").await;
    let watch = "/api/v1/participants/scada/watchers/alice";
    let reply = call(&rig, Method::PUT, watch, &Value::Null).await;
    assert_eq!(reply.status, 204);
    let message = format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap());
    for path in ["/api/v1/participants/scada/events", message.as_str()] {
        for _ in 0..3 {
            assert_eq!(rig.get("alice-token", path).send().await.status, 200);
        }
    }
    // What is one's own is nobody else's business.
    assert_eq!(rig.get("bob-token", &message).send().await.status, 200);
    assert_eq!(
        audit(&rig, "?what=watcher.read").await,
        ["alice watcher.read scada -"]
    );
    rig.clock.advance_s(3600);
    assert_eq!(rig.get("alice-token", &message).send().await.status, 200);
    assert_eq!(
        audit(&rig, "?what=watcher.read,watcher.made").await,
        [
            "carol watcher.made alice of scada",
            "alice watcher.read scada -",
            "alice watcher.read scada -",
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_whose_stream_stays_open_is_noted_in_each_hour_in_which_something_is_told() {
    let rig = Rig::start().await;
    rig.send(&["bob"], "Hello").await;
    let watch = "/api/v1/participants/bob/watchers/alice";
    assert_eq!(
        call(&rig, Method::PUT, watch, &Value::Null).await.status,
        204
    );
    let mut stream = Stream::of(&rig, "alice-token", "bob/events", None).await;
    let mut told = Vec::new();
    for hour in 1..=3 {
        while told.len() < hour {
            told.push(stream.event().await);
        }
        let noted = audit(&rig, "?what=watcher.read").await;
        assert_eq!(noted, vec!["alice watcher.read bob -"; hour]);
        rig.clock.advance_s(3600);
        rig.send(&["bob"], "One hour later").await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn nobody_fills_the_audit_with_refused_sign_ins() {
    let rig = Rig::with(crewline_http::Settings {
        wrong_passwords_per_minute: 1000,
        ..crewline_http::Settings::default()
    })
    .await;
    for _ in 0..15 {
        let refused = sign_in(&rig, "nobody", "wrong", None).await;
        assert!(refusal(&refused).starts_with("401 sign_in_failed"));
    }
    let written = audit(&rig, "?what=session.opened,refused.more").await;
    assert_eq!(written.len(), 11, "{written:#?}");
    assert!(written[10].contains("refused.more"), "{written:#?}");
    rig.stop().await;
}

#[tokio::test]
async fn the_state_of_the_server_is_shown() {
    let rig = Rig::start().await;
    rig.clock.advance_s(61);
    let session = sign_in(&rig, "alice", "secret of alice", None).await;
    let token = session.value()["token"].as_str().unwrap().to_owned();
    let _stream = Stream::of(&rig, &token, "me/events", None).await;
    let state = get(&rig, "/api/v1/admin/state").await;
    for (name, expected) in [
        ("uptimeSeconds", json!(61)),
        ("ready", json!(true)),
        ("sessions", json!(1)),
        ("streams", json!(1)),
        ("sockets", json!(0)),
        ("queuedRows", json!(0)),
        ("webhooksFailing", json!([])),
    ] {
        assert_eq!(state[name], expected, "{name}: {state}");
    }
    assert_eq!(state["store"]["epoch"], "epoch-1");
    let kept = get(&rig, "/api/v1/admin/retention").await;
    assert_eq!(kept, json!({"readOnly": true}));
    rig.stop().await;
}
