//! The socket as it is described, held against the socket as it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rig::{Rig, message};
use crate::wire::Wire;

#[test]
fn the_description_of_the_socket_is_what_it_was() {
    insta::assert_snapshot!(
        "asyncapi",
        serde_json::to_string_pretty(&crewline_http::asyncapi()).unwrap()
    );
}

fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "$ref" {
                    found.insert(value.as_str().unwrap());
                }
                references(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_in_the_description_of_the_socket_leads_somewhere() {
    let description = crewline_http::asyncapi();
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

/// Holds frames against the description.
struct Described {
    description: Value,
}

impl Described {
    fn check(&self, frame: &Value) -> Result<(), String> {
        let (name, _) = frame.as_object().unwrap().iter().next().unwrap();
        let message = &self.description["components"]["messages"][name];
        let mut schema = message["payload"].clone();
        schema["components"] = self.description["components"].clone();
        let validator = jsonschema::options().build(&schema).unwrap();
        validator
            .validate(frame)
            .map_err(|error| format!("{frame}\n{error} at {}", error.instance_path()))
    }
}

#[tokio::test]
async fn what_is_said_and_told_on_a_socket_is_as_described() {
    let rig = Rig::start().await;
    let described = Described {
        description: crewline_http::asyncapi(),
    };
    for message in described.description["components"]["messages"]
        .as_object()
        .unwrap()
        .values()
    {
        described.check(&message["examples"][0]["payload"]).unwrap();
    }
    let mut heard = BTreeSet::new();
    let mut alice = Wire::connect(&rig, "alice-token").await;
    let mut scada = Wire::connect(&rig, "scada-token").await;
    let sent = rig.send(&["alice", "bob"], "One").await;
    let mut body = message(&["alice"], "Two");
    body["toUsers"][0]["onReadPayload"] = json!("AAEC");
    body["idempotencyKey"] = json!("k");
    let said_by_scada = [
        json!({"hello": {"types": null}}),
        json!({"do": {"id": 1, "send": body}}),
        json!({"do": {"id": 2, "createChat": {"fromExtUserId": "scada", "toUserIds": ["carol"]}}}),
        json!({"do": {"id": 3, "createChat": {"fromExtUserId": "scada", "toUserIds": ["nobody"]}}}),
    ];
    let said_by_alice = [
        json!({"hello": {"after": 0, "epoch": "epoch-1", "cursor": "c", "participant": "alice"}}),
        json!({"ack": 1}),
        json!({"do": {"id": 1, "reply": {"chatId": sent["chatId"], "message": "Yes", "replyTo": sent["messageId"]}}}),
        json!({"do": {"id": 2, "receipts": [
            {"messageId": sent["messageId"], "state": "acknowledged", "at": "2026-11-23T03:47:29.120Z"},
            {"chatId": sent["chatId"], "readUpTo": sent["messageId"]},
        ]}}),
        json!({"do": {"id": 3, "createChat": {"toUserIds": ["carol"]}}}),
    ];
    // Each waits for what the other's log tells of it.
    for (wire, said, until) in [
        (&mut scada, &said_by_scada[..], 3),
        (&mut alice, &said_by_alice[..], 3),
    ] {
        for frame in said {
            described.check(frame).unwrap();
            wire.say(frame).await;
            if frame.get("hello").is_some() {
                let welcome = wire.hear().await;
                described.check(&welcome).unwrap();
                heard.extend(welcome.as_object().unwrap().keys().cloned());
            }
        }
        loop {
            let frame = wire.hear().await;
            described.check(&frame).unwrap();
            heard.extend(frame.as_object().unwrap().keys().cloned());
            if frame["done"]["id"] == until {
                break;
            }
        }
    }
    let mut refused = Wire::connect(&rig, "alice-token").await;
    refused.say(&json!({"hello": {"after": 10_000}})).await;
    let frame = refused.hear().await;
    described.check(&frame).unwrap();
    heard.extend(frame.as_object().unwrap().keys().cloned());
    assert_eq!(
        Vec::from_iter(heard),
        ["done", "error", "events", "welcome"]
    );

    // The description refuses what the server refuses.
    for wrong in [
        json!({"hello": {"x": 1}}),
        json!({"ack": "1"}),
        json!({"do": {"send": {}}}),
        json!({"do": {"id": 1, "receipts": []}}),
    ] {
        assert!(described.check(&wrong).is_err(), "{wrong}");
    }
    rig.stop().await;
}
