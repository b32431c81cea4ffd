//! What the organisation keeps.

use hyper::Method;
use serde_json::{Value, json};

use crate::call::Reply;
use crate::rig::{Rig, refusal, refusals_of};

async fn put(rig: &Rig, token: &str, part: &str, body: &Value) -> Reply {
    let path = format!("/api/v1/organisation/{part}");
    rig.put(token, &path, body).send().await
}

#[tokio::test]
async fn everybody_reads_it_and_administrators_set_it_part_by_part() {
    let rig = Rig::start().await;
    let empty = json!({
        "phrases": {"revision": 0, "phrases": []},
        "sos": {"revision": 0, "toUsers": [], "toGroups": [], "toExternals": []},
        "phone": {"revision": 0},
    });
    for token in ["alice-token", "scada-token", "admin-token"] {
        let whole = rig.get(token, "/api/v1/organisation").send().await;
        assert_eq!(whole.value(), empty);
    }
    let number = json!({"revision": 0, "number": "+49 (30) 112"});
    for token in ["alice-token", "scada-token"] {
        for part in ["phrases", "sos", "phone"] {
            assert!(refusal(&put(&rig, token, part, &number).await).starts_with("403 not_allowed"));
        }
    }
    let set = put(&rig, "carol-token", "phone", &number).await;
    assert_eq!(
        set.value(),
        json!({"revision": 1, "number": "+49 (30) 112"})
    );
    let phrases = json!({"revision": 0, "phrases": [
        {"phraseId": "off", "text": "Switch off {line} at {time}", "shortcut": "off", "priority": 1},
        {"phraseId": "back", "text": "Come back"},
    ]});
    assert_eq!(
        put(&rig, "admin-token", "phrases", &phrases).await.status,
        200
    );
    rig.send(&["alice"], "scada is known from now on").await;
    let sos = json!({
        "revision": 0, "toUsers": ["carol"], "toGroups": [{"groupId": "on-duty"}], "toExternals": ["scada"], "phone": "112",
    });
    assert_eq!(put(&rig, "carol-token", "sos", &sos).await.status, 200);
    let whole = rig
        .get("alice-token", "/api/v1/organisation")
        .send()
        .await
        .value();
    assert_eq!(whole["phrases"]["phrases"], phrases["phrases"]);
    assert_eq!(
        (&whole["sos"]["revision"], &whole["sos"]["toGroups"]),
        (&json!(1), &sos["toGroups"])
    );
    assert_eq!(whole["phone"]["revision"], 1);
    rig.stop().await;
}

#[tokio::test]
async fn of_two_administrators_the_second_is_told_that_the_first_was_quicker() {
    let rig = Rig::start().await;
    let mine = |number: &str| json!({"revision": 0, "number": number});
    assert_eq!(
        put(&rig, "carol-token", "phone", &mine("112")).await.status,
        200
    );
    let late = put(&rig, "admin-token", "phone", &mine("911")).await;
    assert!(refusal(&late).starts_with("409 revision_conflict: Somebody else"));
    let whole = rig
        .get("alice-token", "/api/v1/organisation")
        .send()
        .await
        .value();
    assert_eq!(whole["phone"]["number"], "112");
    let none = put(&rig, "admin-token", "phone", &json!({"revision": 1})).await;
    assert_eq!(none.value(), json!({"revision": 2}));
    rig.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_part_is_named() {
    let rig = Rig::start().await;
    let phrase = |text: &str| json!({"phraseId": "p", "text": text});
    let bad = vec![
        ("no revision", json!({"phrases": []})),
        (
            "texts",
            json!({"revision": 0, "phrases": [phrase(" "), phrase("{"), phrase("}{a}"), phrase("{ }"), phrase("{a{b}}")]}),
        ),
        (
            "twice",
            json!({"revision": 0, "phrases": [
            {"phraseId": "a", "text": "x", "shortcut": "s"}, {"phraseId": "a", "text": "y", "shortcut": "s"}]}),
        ),
        (
            "shortcut",
            json!({"revision": 0, "phrases": [{"phraseId": "", "text": "x", "shortcut": "a b", "priority": 4}]}),
        ),
        (
            "too many",
            json!({"revision": 0, "phrases": vec![phrase("x"); 201]}),
        ),
    ];
    let text = refusals_of(&rig, bad, |body| {
        rig.put("carol-token", "/api/v1/organisation/phrases", body)
    })
    .await;
    insta::assert_snapshot!("phrases", text);
    let bad = vec![
        (
            "unknown",
            json!({"revision": 0, "toUsers": ["nobody", "scada"], "toGroups": [{"groupId": "west"}], "toExternals": ["alice"]}),
        ),
        ("phone", json!({"revision": 0, "phone": "call me"})),
        (
            "wrong",
            json!({"revision": "0", "toUsers": "alice", "toGroups": [{}], "more": 1}),
        ),
    ];
    let text = refusals_of(&rig, bad, |body| {
        rig.put("carol-token", "/api/v1/organisation/sos", body)
    })
    .await;
    insta::assert_snapshot!("sos", text);
    let long = json!({"revision": 0, "number": "1".repeat(33)});
    assert!(refusal(&put(&rig, "carol-token", "phone", &long).await).contains("number [too_long]"));
    rig.stop().await;
}

#[tokio::test]
async fn who_changed_groups_duty_and_what_the_organisation_keeps_is_noted() {
    let rig = Rig::start().await;
    let group = json!({"name": "North", "userIds": ["alice"]});
    let set = |path: &'static str, body: Value| {
        let call = rig.call(Method::PUT, path).token("admin-token");
        call.json(&body).send()
    };
    assert_eq!(set("/api/v1/groups/north", group).await.status, 201);
    let duty = set("/api/v1/people/alice/duty", json!({"onDuty": true}));
    assert_eq!(duty.await.status, 200);
    let phone = json!({"revision": 0, "number": "112"});
    let first = set("/api/v1/organisation/phone", phone.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let behind = set("/api/v1/organisation/phone", phone).await;
    assert_eq!(behind.status, 409, "{}", behind.text());
    for _ in 0..2 {
        let gone = rig.call(Method::DELETE, "/api/v1/groups/north");
        assert_eq!(gone.token("admin-token").send().await.status, 204);
    }
    let noted = rig.get("admin-token", "/api/v1/admin/audit").send().await;
    let noted = noted.value();
    let rows = noted["entries"].as_array().unwrap().iter();
    let rows: Vec<String> = rows
        .map(|row| {
            let refused = if row["refused"] == true {
                " refused"
            } else {
                ""
            };
            format!(
                "{} {}{refused}",
                row["what"].as_str().unwrap(),
                row["about"].as_str().unwrap()
            )
        })
        .collect();
    let expected = [
        "group.removed north",
        "organisation.changed phone refused",
        "organisation.changed phone",
        "duty.said alice",
        "group.put north",
    ];
    assert_eq!(rows, expected);
    rig.stop().await;
}
