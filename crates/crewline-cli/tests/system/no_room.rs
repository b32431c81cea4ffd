//! A disk that runs full under the real program: 503, reading goes on, nothing answered is lost; and with room it goes on by
//! itself.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::act::Client;
use crate::server::{Server, Store, build_shim};
use crate::wire::PATIENCE;

/// Stands before the C library: while the file exists, nothing that grows a file of the store is written.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int full(int file, off_t end) {
    const char *when = getenv("DISK_FULL_WHEN");
    struct stat now;
    if (when == NULL || access(when, F_OK) != 0) return 0;
    return fstat(file, &now) == 0 && S_ISREG(now.st_mode) && end > now.st_size;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    if (full(file, at + (off_t)count)) { errno = ENOSPC; return -1; }
    return real(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    if (full(file, at + (off_t)count)) { errno = ENOSPC; return -1; }
    return real(file, bytes, count, at);
}
"#;

fn body(text: &str) -> Value {
    json!({"fromExtUserId": "scada:1", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "alice"}],
        "message": format!("{text} {}", "x".repeat(3_000))})
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_sends_are_told_503_reading_goes_on_and_with_room_it_works_by_itself() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::make();
    let trigger = store.folder().join("the disk is full");
    let library = build_shim(store.folder(), SHIM);
    let environment = [
        ("LD_PRELOAD", library.as_path()),
        ("DISK_FULL_WHEN", trigger.as_path() as &Path),
    ];
    let server = Server::start_with(&store, &environment).await;
    let client = server.client();
    let mut answered = Vec::new();
    for number in 0..5 {
        let key = format!("before-{number}");
        let sent = send(&client, &key);
        let (status, answer) = sent.await;
        assert_eq!(status, 201, "{answer}");
        answered.push(key);
    }

    std::fs::write(&trigger, "").unwrap();
    let mut refused = Vec::new();
    // What is freed within the files may still take some.
    while refused.len() < 5 {
        let key = format!("full-{}", answered.len() + refused.len());
        let sent = send(&client, &key);
        let (status, problem) = sent.await;
        if status == 201 {
            answered.push(key);
            continue;
        }
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        assert_eq!((status, code.as_str()), (503, "storage_full"), "{problem}");
        refused.push(key);
    }
    // Reading goes on, and what was refused is not there.
    assert_eq!(texts(&client.log("alice").await), answered);

    std::fs::remove_file(&trigger).unwrap();
    let begun = Instant::now();
    for key in refused {
        loop {
            let sent = send(&client, &key);
            let (status, problem) = sent.await;
            if status == 201 {
                break;
            }
            assert_eq!(status, 503, "{problem}");
            assert!(begun.elapsed() < PATIENCE, "it does not go on: {problem}");
        }
        answered.push(key);
    }
    assert_eq!(texts(&client.log("alice").await), answered);
    server.kill().await;
    store.check();
}

async fn send(client: &Client, key: &str) -> (u16, Value) {
    client
        .post_with_key("scada", "/api/v1/messages", key, &body(key))
        .await
}

/// The first word of each message.
fn texts(log: &[Value]) -> Vec<String> {
    let texts = log
        .iter()
        .filter_map(|event| event["data"]["message"].as_str());
    let first = texts.filter_map(|text| text.split(' ').next());
    first.map(str::to_owned).collect()
}
