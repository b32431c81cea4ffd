//! A disk that cannot confirm a write: the real program, with an fsync that fails when it is told to.

use serde_json::json;

use crate::server::{Server, Store, build_shim};

/// Stands before the C library: once the file exists, nothing is ever confirmed again.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
    const char *when = getenv("FSYNC_FAILS_WHEN");
    return when != NULL && access(when, F_OK) == 0;
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (fails()) { errno = EIO; return -1; }
    return real(file);
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (fails()) { errno = EIO; return -1; }
    return real(file);
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_fsync_the_server_says_503_and_ends_and_the_retry_is_one_message() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::make();
    let trigger = store.folder().join("the disk is gone");
    let library = build_shim(store.folder(), SHIM);
    let environment = [
        ("LD_PRELOAD", library.as_path()),
        ("FSYNC_FAILS_WHEN", trigger.as_path()),
    ];
    let server = Server::start_with(&store, &environment).await;
    let client = server.client();
    let body = |text: &str| json!({"fromExtUserId": "scada:1", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "alice"}], "message": text});
    let (status, _) = client
        .post_with_key("scada", "/api/v1/messages", "before", &body("before"))
        .await;
    assert_eq!(status, 201);

    std::fs::write(&trigger, "").unwrap();
    let (status, problem) = client
        .post_with_key("scada", "/api/v1/messages", "during", &body("during"))
        .await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (503, Some("storage_unavailable")),
        "{problem}"
    );
    assert_eq!(
        server.ended().await,
        Some(1),
        "what cannot promise anything ends"
    );

    // Whether the disk had it after all, nobody knows: the same key makes it one message either way.
    store.check();
    let server = Server::start(&store).await;
    let client = server.client();
    let (status, _) = client
        .post_with_key("scada", "/api/v1/messages", "during", &body("during"))
        .await;
    assert!(matches!(status, 200 | 201), "{status}");
    let log = client.log("alice").await;
    let texts: Vec<_> = log
        .iter()
        .map(|event| event["data"]["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["before", "during"]);
    server.kill().await;
}
