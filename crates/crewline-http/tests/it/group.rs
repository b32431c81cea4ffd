//! Groups, duty, and sending to them.

use crewline_api::Role;
use crewline_core::TokenOwner;
use hyper::Method;
use serde_json::{Value, json};

use crate::call::Reply;
use crate::rig::{Rig, id, refusal, refusals_of};

async fn put(rig: &Rig, token: &str, group: &str, users: &[&str]) -> Reply {
    let body = json!({"name": group, "userIds": users});
    rig.put(token, &format!("/api/v1/groups/{group}"), &body)
        .send()
        .await
}

async fn dispatcher(rig: &Rig) {
    rig.add_user("dora", "Dora", Role::Dispatcher, None).await;
    rig.token("dora-token", TokenOwner::User(id("dora"))).await;
}

fn message(groups: &Value) -> Value {
    json!({"fromExtUserId": "scada", "fromExtUserName": "SCADA", "toGroups": groups, "message": "x"})
}

#[tokio::test]
async fn dispatchers_and_administrators_keep_groups_and_everybody_sees_them() {
    let rig = Rig::start().await;
    dispatcher(&rig).await;
    for token in ["alice-token", "scada-token", "many-token"] {
        assert!(
            refusal(&put(&rig, token, "north", &["alice"]).await).starts_with("403 not_allowed")
        );
        let gone = rig
            .call(Method::DELETE, "/api/v1/groups/north")
            .token(token)
            .send()
            .await;
        assert!(refusal(&gone).starts_with("403 not_allowed"));
    }
    for (token, status) in [
        ("dora-token", 201),
        ("carol-token", 204),
        ("admin-token", 204),
    ] {
        let reply = put(&rig, token, "north", &["bob", "alice"]).await;
        assert_eq!((reply.status, reply.body.len()), (status, 0), "{token}");
    }
    put(&rig, "dora-token", "s%C3%BCd%2F1", &[]).await;
    for token in ["alice-token", "scada-token", "admin-token"] {
        let page = rig.get(token, "/api/v1/groups").send().await.value();
        assert_eq!(
            page["groups"],
            json!([
                {"groupId": "north", "name": "north", "userIds": ["alice", "bob"]},
                {"groupId": "süd/1", "name": "s%C3%BCd%2F1", "userIds": []},
            ])
        );
    }
    let first = rig
        .get("alice-token", "/api/v1/groups?limit=1")
        .send()
        .await
        .value();
    assert_eq!(first["next"], "north");
    let rest = rig
        .get("alice-token", "/api/v1/groups?after=north")
        .send()
        .await
        .value();
    assert_eq!(rest["groups"][0]["groupId"], "süd/1");
    for _ in 0..2 {
        let gone = rig
            .call(Method::DELETE, "/api/v1/groups/north")
            .token("dora-token");
        assert_eq!(gone.send().await.status, 204);
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_group_is_named() {
    let rig = Rig::start().await;
    let many: Vec<String> = (0..1_001).map(|no| format!("u{no}")).collect();
    let cases = vec![
        ("no name", json!({"userIds": []})),
        ("an empty name", json!({"name": "", "userIds": []})),
        ("no users", json!({"name": "N"})),
        (
            "unknown",
            json!({"name": "N", "userIds": ["alice", "nobody", "scada"]}),
        ),
        ("no id", json!({"name": "N", "userIds": ["me"]})),
        ("too many", json!({"name": "N", "userIds": many})),
        ("more", json!({"name": "N", "userIds": [], "size": 1})),
    ];
    let text = refusals_of(&rig, cases, |body| {
        rig.put("carol-token", "/api/v1/groups/north", body)
    })
    .await;
    insta::assert_snapshot!(text);
    let reserved = put(&rig, "carol-token", "on-duty", &["alice"]).await;
    assert!(refusal(&reserved).contains("groupId [conflict]"));
    assert!(refusal(&put(&rig, "carol-token", "me", &[]).await).starts_with("404"));
    rig.stop().await;
}

#[tokio::test]
async fn duty_is_said_by_the_desk_and_by_everybody_of_themselves() {
    let rig = Rig::start().await;
    dispatcher(&rig).await;
    let say = async |token: &'static str, who: &str, on_duty: bool| {
        let path = format!("/api/v1/people/{who}/duty");
        rig.put(token, &path, &json!({"onDuty": on_duty}))
            .send()
            .await
    };
    let duty = |on_duty: bool, by: &str| json!({"userId": "alice", "onDuty": on_duty, "since": "2026-11-23T04:00:00.000Z", "by": by});
    assert_eq!(
        say("dora-token", "alice", true).await.value(),
        duty(true, "dora")
    );
    assert_eq!(
        say("alice-token", "me", true).await.value(),
        duty(true, "dora")
    );
    assert_eq!(
        say("alice-token", "alice", false).await.value(),
        duty(false, "alice")
    );
    assert_eq!(
        say("carol-token", "alice", true).await.value(),
        duty(true, "carol")
    );
    assert!(
        say("admin-token", "bob", true).await.value()["by"]
            .as_str()
            .unwrap()
            .starts_with("token ")
    );
    for (token, who) in [
        ("alice-token", "bob"),
        ("scada-token", "alice"),
        ("scada-token", "me"),
    ] {
        assert!(refusal(&say(token, who, true).await).starts_with("403 not_allowed"));
    }
    for who in ["nobody", "%00"] {
        assert!(refusal(&say("dora-token", who, true).await).starts_with("404"));
    }
    let wrong = rig
        .put("dora-token", "/api/v1/people/bob/duty", &json!({}))
        .send()
        .await;
    assert!(refusal(&wrong).contains("onDuty [required]"));
    let people = rig
        .get("scada-token", "/api/v1/people?q=alice")
        .send()
        .await
        .value();
    assert_eq!(
        people["people"],
        json!([{"userId": "alice", "name": "Alice", "kind": "user", "role": "crew", "onDuty": true}])
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_message_goes_to_groups_beside_or_instead_of_people() {
    let rig = Rig::start().await;
    put(&rig, "carol-token", "north", &["alice", "bob"]).await;
    let send = async |body: &Value| {
        rig.post("scada-token", "/api/v1/messages", body)
            .send()
            .await
    };
    let reply = send(&message(&json!([{"groupId": "north"}]))).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.value()["recipients"][1]["userId"], "bob");
    let mut beside = message(&json!([{"groupId": "north", "onDutyOnly": false}]));
    beside["toUsers"] = json!([{"toUserId": "carol"}]);
    assert_eq!(
        send(&beside).await.value()["recipients"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let cases = vec![
        (
            "unknown",
            message(&json!([{"groupId": "north"}, {"groupId": "west"}])),
        ),
        ("nobody", message(&json!([{"groupId": "on-duty"}]))),
        ("neither", message(&json!([]))),
        ("no id", message(&json!([{"groupId": ""}, {}, 7]))),
        (
            "wrong",
            message(
                &json!([{"groupId": "north", "onDutyOnly": 1, "size": 2, "onReadPayload": "?"}]),
            ),
        ),
        (
            "too many",
            message(&json!(vec![json!({"groupId": "north"}); 101])),
        ),
    ];
    let text = refusals_of(&rig, cases, |body| {
        rig.post("scada-token", "/api/v1/messages", body)
    })
    .await;
    insta::assert_snapshot!(text);
    rig.stop().await;
}

#[tokio::test]
async fn a_user_makes_a_chat_with_groups() {
    let rig = Rig::start().await;
    put(&rig, "carol-token", "north", &["alice", "bob"]).await;
    let make = async |body: Value| rig.post("alice-token", "/api/v1/chats", &body).send().await;
    let made = make(json!({"toGroups": [{"groupId": "north"}], "toUserIds": ["carol"]})).await;
    assert_eq!(made.value()["userIds"], json!(["alice", "bob", "carol"]));
    let again = make(
        json!({"toGroups": [{"groupId": "north"}, {"groupId": "north"}], "toUserIds": ["carol"]}),
    )
    .await;
    assert_eq!((again.status, again.value()), (200, made.value()));
    assert!(refusal(&make(json!({"toGroups": []})).await).contains("toUserIds [empty]"));
    assert!(
        refusal(&make(json!({"toGroups": [{"groupId": "west"}]})).await)
            .contains("422 unknown_group")
    );
    rig.stop().await;
}
