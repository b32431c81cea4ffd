//! Chats, their history, people, and the caller.

use serde_json::{Value, json};

use crate::rig::{Rig, message, refusal};

#[tokio::test]
async fn a_chat_is_made_once_whoever_makes_it() {
    let rig = Rig::start().await;
    let body = json!({"fromExtUserId": "scada", "toUserIds": ["bob", "alice", "bob"]});
    let made = rig.post("scada-token", "/api/v1/chats", &body).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.value()["userIds"], json!(["alice", "bob", "scada"]));
    let found = rig
        .post(
            "alice-token",
            "/api/v1/chats",
            &json!({"toUserIds": ["scada", "bob"]}),
        )
        .send()
        .await;
    assert_eq!((found.status, found.value()), (200, made.value()));
    let event = &rig.events("bob-token", "").await["events"][0];
    assert_eq!(
        (&event["type"], &event["data"]),
        (&json!("chat.created"), &made.value())
    );
    rig.stop().await;
}

#[tokio::test]
async fn chats_are_listed_newest_first_in_pages() {
    let rig = Rig::start().await;
    for (others, text) in [
        (&["alice"][..], "one"),
        (&["alice", "bob"], "two"),
        (&["alice", "carol"], "three"),
    ] {
        rig.clock.advance_s(1);
        rig.send(others, text).await;
    }
    let page = |query: String| {
        let call = rig.get("alice-token", &format!("/api/v1/me/chats{query}"));
        async move { call.send().await.value() }
    };
    let texts = |page: &Value| -> Vec<String> {
        let chats = page["chats"].as_array().unwrap().iter();
        chats
            .map(|chat| chat["lastMessage"]["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = page("?limit=2".to_owned()).await;
    assert_eq!(texts(&first), ["three", "two"]);
    assert_eq!(
        (&first["asOf"], &first["chats"][0]["unread"]),
        (&json!(3), &json!(1))
    );
    let second = page(format!(
        "?limit=2&before={}",
        first["next"].as_str().unwrap()
    ))
    .await;
    assert_eq!(texts(&second), ["one"]);
    assert!(second["next"].is_null());
    rig.stop().await;
}

#[tokio::test]
async fn a_history_is_read_newest_first_in_pages_by_those_in_the_chat() {
    let rig = Rig::start().await;
    let mut chat = Value::Null;
    for text in ["one", "two", "three"] {
        chat = rig.send(&["alice"], text).await["chatId"].take();
    }
    let path = format!("/api/v1/chats/{}/messages", chat.as_str().unwrap());
    let first = rig
        .get("alice-token", &format!("{path}?limit=2"))
        .send()
        .await
        .value();
    let texts = |page: &Value| -> Vec<String> {
        page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["message"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (texts(&first), &first["asOf"]),
        (vec!["three".to_owned(), "two".to_owned()], &json!(3))
    );
    let before = first["next"].as_str().unwrap();
    let second = rig
        .get("scada-token", &format!("{path}?before={before}"))
        .send()
        .await
        .value();
    assert_eq!(
        (texts(&second), &second["asOf"]),
        (vec!["one".to_owned()], &json!(0))
    );
    assert!(second["next"].is_null());
    assert!(refusal(&rig.get("bob-token", &path).send().await).starts_with("404"));
    rig.stop().await;
}

#[tokio::test]
async fn people_are_those_one_may_write_to() {
    let rig = Rig::start().await;
    let found = |token: &'static str, query: &'static str| {
        let call = rig.get(token, &format!("/api/v1/people{query}"));
        async move {
            let page = call.send().await.value();
            let ids = page["people"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["userId"].as_str().unwrap().to_owned());
            (
                ids.collect::<Vec<_>>().join(" "),
                page["next"].as_str().map(str::to_owned),
            )
        }
    };
    assert_eq!(
        found("alice-token", "").await,
        ("bob carol desk scada".to_owned(), None)
    );
    assert_eq!(found("scada-token", "?q=AL").await.0, "alice");
    assert_eq!(
        found("alice-token", "?limit=2").await,
        ("bob carol".to_owned(), Some("carol".to_owned()))
    );
    assert_eq!(
        found("bob-token", "?limit=2").await,
        ("alice carol".to_owned(), Some("carol".to_owned()))
    );
    assert_eq!(
        found("bob-token", "?limit=2&after=carol").await,
        ("desk scada".to_owned(), None)
    );
    assert_eq!(
        found("bob-token", "?q=%C3%A9&limit=1").await,
        (String::new(), None)
    );
    let page = rig
        .get("scada-token", "/api/v1/people?q=Bob")
        .send()
        .await
        .value();
    assert_eq!(
        page,
        json!({"people": [{"userId": "bob", "name": "Bob", "kind": "user", "role": "crew", "onDuty": false}]})
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_user_sees_themself() {
    let rig = Rig::start().await;
    let me = rig.get("carol-token", "/api/v1/me").send().await.value();
    assert_eq!(
        (&me["userId"], &me["name"], &me["role"]),
        (&json!("carol"), &json!("Carol"), &json!("administrator"))
    );
    assert_eq!(me["watches"], json!([]));
    assert!(
        refusal(&rig.get("scada-token", "/api/v1/me").send().await).starts_with("403 not_allowed")
    );
    assert!(
        refusal(&rig.get("scada-token", "/api/v1/me/chats").send().await)
            .starts_with("403 not_allowed")
    );
    rig.stop().await;
}

#[tokio::test]
async fn ids_of_any_characters_are_never_mixed_up() {
    let rig = Rig::start().await;
    for odd in ["a,b", "a/b", "ä ö", "🚑", "%2F", "a?b#c", "\"", " a "] {
        rig.add_user(odd, odd, crewline_api::Role::Crew, None).await;
        rig.token(odd, crewline_core::TokenOwner::User(crate::rig::id(odd)))
            .await;
        let sent = rig
            .post("scada-token", "/api/v1/messages", &message(&[odd], "Hello"))
            .send()
            .await;
        assert_eq!(sent.status, 201, "{odd}");
        assert_eq!(sent.value()["recipients"][0]["userId"], odd);
        let encoded =
            percent_encoding::utf8_percent_encode(odd, percent_encoding::NON_ALPHANUMERIC);
        let token = odd.trim();
        if odd.is_ascii() && token == odd {
            let events = rig
                .get(odd, &format!("/api/v1/participants/{encoded}/events"))
                .send()
                .await;
            assert_eq!(events.status, 200, "{odd}: {}", events.text());
            assert_eq!(
                events.value()["events"][0]["data"]["allUserIds"]
                    .as_array()
                    .unwrap()
                    .len(),
                2
            );
        }
    }
    rig.stop().await;
}
