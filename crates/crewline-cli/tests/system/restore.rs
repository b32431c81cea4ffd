//! A restore that is killed before each call that writes: the real program, with a C library that counts.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, Store, build_shim};

/// Stands before the C library: kills the process before the call with a given number, of those that change a disk.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void) {
    static long calls = 0;
    const char *at = getenv("KILL_AT");
    if (at != NULL && __sync_add_and_fetch(&calls, 1) == atol(at)) kill(getpid(), SIGKILL);
}

#define BEFORE(result, name, parameters, arguments) \
    result name parameters { \
        result (*real) parameters = (result (*) parameters)dlsym(RTLD_NEXT, #name); \
        count(); \
        return real arguments; \
    }

BEFORE(int, fsync, (int file), (file))
BEFORE(int, fdatasync, (int file), (file))
BEFORE(int, ftruncate, (int file, off_t length), (file, length))
BEFORE(int, ftruncate64, (int file, off64_t length), (file, length))
BEFORE(ssize_t, pwrite, (int file, const void *bytes, size_t length, off_t at), (file, bytes, length, at))
BEFORE(ssize_t, pwrite64, (int file, const void *bytes, size_t length, off64_t at), (file, bytes, length, at))
BEFORE(ssize_t, write, (int file, const void *bytes, size_t length), (file, bytes, length))
BEFORE(int, rename, (const char *from, const char *to), (from, to))
BEFORE(int, unlink, (const char *path), (path))
BEFORE(int, link, (const char *from, const char *to), (from, to))
"#;

async fn send(server: &Server, text: &str) {
    let body = json!({"fromExtUserId": "scada:1", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "alice"}], "message": text});
    let (status, _) = server
        .client()
        .post("scada", "/api/v1/messages", &body)
        .await;
    assert_eq!(status, 201);
}

/// The files of the store, as they are left by a server that was killed.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    ["crewline.db", "crewline.db-wal"]
        .into_iter()
        .map(|name| (name.to_owned(), std::fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// Puts them back, and removes everything that a restore has made.
fn put_back(folder: &Path, files: &[(String, Vec<u8>)]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("crewline.db")
        {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_write_a_restore_leaves_the_old_store_or_the_new_one() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::make();
    let server = Server::start(&store).await;
    for _ in 0..3 {
        send(&server, "before the backup").await;
    }
    store.run(&["db", "backup", "backup"]);
    for _ in 0..4 {
        send(&server, "after it, in the write-ahead log alone").await;
    }
    server.kill().await;
    let before = files(store.folder());
    assert!(
        !before[1].1.is_empty(),
        "the log holds what the file does not"
    );
    let library = build_shim(store.folder(), SHIM);

    let (mut old, mut new) = (0, 0);
    for at in 1.. {
        put_back(store.folder(), &before);
        let status = store
            .command(&["db", "restore", "backup", "--replace"])
            .env("LD_PRELOAD", &library)
            .env("KILL_AT", at.to_string())
            .output()
            .unwrap()
            .status;
        let checked: Value = serde_json::from_str(&store.run(&["db", "check", "--json"])).unwrap();
        assert_eq!(checked["ok"], true, "killed before call {at}: {checked}");
        match checked["messages"].as_u64() {
            Some(7) => {
                assert_eq!(new, 0, "killed before call {at}: it went back");
                old += 1;
            }
            Some(3) => new += 1,
            messages => panic!("killed before call {at}: {messages:?} messages"),
        }
        if status.success() {
            break;
        }
        assert_eq!(
            status.signal(),
            Some(9),
            "killed before call {at}: {status}"
        );
        // It can be begun anew, whatever was left.
        store.run(&["db", "restore", "backup", "--replace"]);
        let checked: Value = serde_json::from_str(&store.run(&["db", "check", "--json"])).unwrap();
        assert_eq!(
            (&checked["ok"], &checked["messages"]),
            (&json!(true), &json!(3))
        );
    }
    println!(
        "killed before {} calls: {old} times the old store, {new} times the new one",
        old + new
    );
    assert!(old > 20 && new > 1, "{old}, {new}");
}
