//! The API described, and the page to try it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hyper::Method;
use serde_json::Value;

use crate::rig::Rig;

fn description() -> Value {
    serde_json::to_value(crewline_http::openapi()).unwrap()
}

#[test]
fn the_description_is_what_it_was() {
    insta::assert_snapshot!(
        "openapi",
        serde_json::to_string_pretty(&description()).unwrap()
    );
}

#[tokio::test]
async fn the_page_is_found_with_a_slash_too_many() {
    let rig = Rig::start().await;
    let moved = rig.call(Method::GET, "/api/docs/").send().await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("../docs"))
    );
    rig.stop().await;
}

#[test]
fn every_call_is_described_with_its_refusals() {
    let description = description();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut calls = String::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let statuses: Vec<&str> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters: Vec<String> = parameters
                .map(|p| {
                    format!(
                        "{}:{}",
                        p["in"].as_str().unwrap(),
                        p["name"].as_str().unwrap()
                    )
                })
                .collect();
            writeln!(
                calls,
                "{method} {path} [{}] {}",
                parameters.join(" "),
                statuses.join(" ")
            )
            .unwrap();
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{method} {path}"
            );
            if path.starts_with("/api/v1") {
                for status in ["422", "500"] {
                    assert!(statuses.contains(&status), "{method} {path}");
                }
            }
        }
    }
    insta::assert_snapshot!("calls", calls);
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 10);
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(place).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_description_and_the_page_come_from_this_server_alone() {
    let rig = Rig::start().await;
    let reply = rig.call(Method::GET, "/api/openapi.json").send().await;
    assert_eq!(
        (reply.header("content-type"), reply.value()),
        (Some("application/json"), description())
    );
    let page = rig.call(Method::GET, "/api/docs").send().await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'")
            && policy.contains("connect-src 'self'")
            && !policy.contains("http")
    );
    let text = page.text();
    assert!(
        !text.contains("http:") && !text.contains("https:"),
        "the page names no host"
    );
    let links = text.split(['"']).filter(|part| part.starts_with("docs/"));
    for link in links {
        let file = rig.call(Method::GET, &format!("/api/{link}")).send().await;
        assert_eq!(file.status, 200, "{link}");
        assert!(file.body.len() > 100, "{link}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert_ne!(
            file.header("content-type"),
            Some("application/octet-stream"),
            "{link}"
        );
    }
    rig.stop().await;
}
