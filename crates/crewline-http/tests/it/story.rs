//! The whole story of a message: who may read it, and in which forms.

use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, message, refusal};

/// A message that alice has acknowledged by a clock of her own, and bob has not seen.
async fn told(rig: &Rig) -> String {
    let mut body = message(&["alice", "bob"], "<script>alert('Line 7')</script>");
    body["fromExtUserName"] = json!("=cmd()|'/c calc'!A0");
    body["priority"] = json!(1);
    let sent = rig.post("scada-token", "/api/v1/messages", &body).send();
    let id = sent.await.value()["messageId"].as_str().unwrap().to_owned();
    rig.clock.advance_s(5);
    let said = json!({"receipts": [{"messageId": id, "state": "acknowledged", "at": "2026-11-23T03:00:00.000Z"}]});
    let said = rig.post("alice-token", "/api/v1/receipts", &said).send();
    assert_eq!(said.await.status, 200);
    format!("/api/v1/messages/{id}/story")
}

#[tokio::test]
async fn sender_watchers_and_administrators_read_it_and_recipients_do_not() {
    let rig = Rig::start().await;
    let path = told(&rig).await;
    for token in ["alice-token", "bob-token", "desk-token", "oms-token"] {
        let refused = refusal(&rig.get(token, &path).send().await);
        assert!(refused.starts_with("404 not_found"), "{token}: {refused}");
    }
    let watch = "/api/v1/participants/scada/watchers/bob";
    let made = rig.call(Method::PUT, watch).token("admin-token").send();
    assert_eq!(made.await.status, 204);
    let expected = rig.get("scada-token", &path).send().await;
    assert_eq!(expected.status, 200, "{}", expected.text());
    for token in ["many-token", "bob-token", "carol-token", "admin-token"] {
        let reply = rig.get(token, &path).send().await;
        assert_eq!(reply.value(), expected.value(), "{token}");
    }
    // Of those who are neither sender nor watcher it is noted.
    let noted = "/api/v1/admin/audit?what=story.read,watcher.read";
    let noted = rig.get("admin-token", noted).send().await.value();
    let who: Vec<&str> = noted["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["who"].as_str().unwrap())
        .collect();
    assert_eq!(who, ["token 4", "carol", "bob"]);
    rig.stop().await;
}

#[tokio::test]
async fn each_device_stands_in_it_with_both_clocks() {
    let rig = Rig::start().await;
    let path = told(&rig).await;
    let story = rig.get("scada-token", &path).send().await.value();
    let alice = &story["recipients"][0];
    let (server, device) = ("2026-11-23T04:00:05.000Z", "2026-11-23T03:00:00.000Z");
    assert_eq!(
        alice["acknowledged"],
        json!({"at": server, "deviceAt": device, "implied": false})
    );
    assert_eq!(alice["delivered"]["implied"], true);
    assert_eq!(
        alice["receipts"],
        json!([{"state": "acknowledged", "at": server, "deviceAt": device, "deviceId": "token-1"}])
    );
    let bob = &story["recipients"][1];
    assert_eq!(
        (&bob["state"], &bob["receipts"], &bob["delivered"]),
        (&json!("accepted"), &json!([]), &Value::Null)
    );
    rig.stop().await;
}

#[tokio::test]
async fn as_a_table_no_cell_is_a_formula_and_as_a_page_no_text_is_a_script() {
    let rig = Rig::start().await;
    let path = told(&rig).await;
    let asked = rig.get("scada-token", &path).header("accept", "text/csv");
    let table = asked.send().await;
    assert_eq!(
        table.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    assert!(
        table
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let text = table.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("messageId,chatId,position"), "{text}");
    // Delivered and read are implied; acknowledged was said; of bob nothing is known.
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].contains(",'=cmd()|'/c calc'!A0,"), "{text}");
    let same = rig.get("scada-token", &format!("{path}?format=csv"));
    assert_eq!(same.send().await.text(), text);

    let page = rig.get("scada-token", &format!("{path}?format=html"));
    let page = page.send().await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("script-src"),
        "{policy}"
    );
    let text = page.text();
    assert!(!text.contains("<script") && text.contains("&lt;script&gt;alert(&#39;Line 7&#39;)"));
    assert!(text.contains("2026-11-23T03:00:00.000Z") && text.contains("Emergency"));
    let refused = rig
        .get("scada-token", &format!("{path}?format=pdf"))
        .send()
        .await;
    assert!(refusal(&refused).starts_with("422 invalid"));
    rig.stop().await;
}

#[tokio::test]
async fn reminders_are_a_part_of_the_story_in_each_of_its_forms() {
    let rig = Rig::start().await;
    let path = told(&rig).await;
    let reminders = path.replace("/story", "/reminders");
    let silent = json!({"until": "delivered"});
    let reminded = rig.post("scada-token", &reminders, &silent).send().await;
    assert_eq!(reminded.status, 201, "{}", reminded.text());
    let story = rig.get("scada-token", &path).send().await.value();
    assert_eq!(
        story["reminders"],
        json!([{"at": "2026-11-23T04:00:05.000Z", "byUserId": "scada", "until": "delivered", "userIds": ["bob"]}])
    );
    let table = rig.get("scada-token", &format!("{path}?format=csv"));
    let table = table.send().await.text();
    let row = table.lines().find(|row| row.contains("reminded")).unwrap();
    assert!(row.contains(",bob,") && row.ends_with(",scada"), "{row}");
    let page = rig.get("scada-token", &format!("{path}?format=html"));
    let page = page.send().await.text();
    assert!(page.contains("<caption>Reminders</caption>"), "{page}");
    rig.stop().await;
}
