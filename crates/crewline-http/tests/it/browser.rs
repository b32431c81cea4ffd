//! What browsers are told of answers.

use hyper::Method;

use crate::rig::Rig;

#[tokio::test]
async fn no_answer_is_a_page_for_a_browser_but_the_page() {
    let rig = Rig::start().await;
    for path in [
        "/api/v1/me",
        "/api/v1/participants/me/events",
        "/api/v1/messages/m1",
        "/nowhere",
        "/metrics",
        "/healthz",
        "/api/openapi.json",
        "/api/docs/start.js",
        "/api/docs/",
    ] {
        let reply = rig.get("alice-token", path).send().await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        // By TLS alone: behind a proxy it is for the proxy to say.
        assert_eq!(reply.header("strict-transport-security"), None, "{path}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_page_runs_its_own_scripts_alone_and_stands_in_no_other() {
    let rig = Rig::start().await;
    let page = rig.call(Method::GET, "/api/docs").send().await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let devices = page.header("permissions-policy").unwrap();
    assert!(devices.contains("camera=()"), "{devices}");
    rig.stop().await;
}
