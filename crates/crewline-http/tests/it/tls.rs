//! Certificates and keys as files: every form that is taken, and what is said of those that are not.

use std::path::{Path, PathBuf};

use crewline_api::Timestamp;
use crewline_http::tls::{Identity, TlsFiles};

/// 2030-01-01, when all of them hold.
const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/keys")
        .join(name)
}

fn read_at(certificate: &Path, key: &Path, now: Timestamp) -> Result<Identity, String> {
    let files = TlsFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let folder = format!("{}/", path("").display().to_string().trim_end_matches('/'));
    Identity::read(&files, now).map_err(|fault| {
        assert!(!fault.remedy.is_empty(), "{fault}");
        fault.to_string().replace(&folder, "")
    })
}

fn read(certificate: &str, key: &str) -> Result<Identity, String> {
    read_at(&path(certificate), &path(key), NOW)
}

fn refused(certificate: &str, key: &str) -> String {
    read(certificate, key).expect_err("it cannot be used")
}

#[test]
fn keys_of_every_usual_form_are_taken() {
    for (certificate, key, subject, names) in [
        (
            "rsa.pem",
            "rsa8.key",
            "CN=rsa,O=Works",
            &["crew.example.org", "10.0.0.5", "::1"][..],
        ),
        (
            "rsa.pem",
            "rsa1.key",
            "CN=rsa,O=Works",
            &["crew.example.org", "10.0.0.5", "::1"],
        ),
        ("ec.pem", "ec1.key", "CN=ec", &["localhost"]),
        ("ed.pem", "ed8.key", "CN=ed", &["localhost"]),
    ] {
        let identity = read(certificate, key).unwrap();
        assert_eq!(identity.subject, subject);
        assert_eq!(identity.names, names);
        assert!(identity.not_before < NOW && NOW < identity.not_after);
        let (here, all) = ("10.0.0.5".parse().unwrap(), "0.0.0.0".parse().unwrap());
        assert_eq!(identity.may_be_for(here), names != ["localhost"]);
        assert_eq!(identity.may_be_for(all), names != ["localhost"]);
        assert!(!identity.der().is_empty());
    }
}

#[test]
fn keys_that_cannot_be_used_are_told_by_name() {
    assert_eq!(
        refused("rsa.pem", "rsa_locked.key"),
        "rsa_locked.key: the key in it is locked by a passphrase, and nobody is there to type it at a start"
    );
    assert_eq!(
        refused("rsa.pem", "README.md"),
        "README.md: there is no private key in it (no line -----BEGIN PRIVATE KEY-----)"
    );
    assert_eq!(
        refused("README.md", "rsa8.key"),
        "README.md: there is no certificate in it (no line -----BEGIN CERTIFICATE-----)"
    );
    assert_eq!(
        refused("rsa.pem", "ed8.key"),
        "the key in ed8.key does not fit the certificate in rsa.pem"
    );
    let curve = refused("ec.pem", "ec521.key");
    assert!(
        curve.starts_with("ec521.key: the key in it cannot be used"),
        "{curve}"
    );
    let folder = refused("rsa.pem", "");
    assert!(folder.contains("cannot read"), "{folder}");
}

#[test]
fn what_is_damaged_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read_to_string(path("rsa.pem")).unwrap();
    let damaged = folder.path().join("damaged.pem");
    let refused = |text: &str| {
        std::fs::write(&damaged, text).unwrap();
        let why = read_at(&damaged, &path("rsa8.key"), NOW).expect_err("it is damaged");
        assert!(why.contains("damaged.pem"), "{why}");
        why
    };
    assert!(refused(&whole[..whole.len() / 2]).contains("a section has no end"));
    assert!(refused(&whole.replacen("MII", "!!!", 1)).contains("is not base64"));
    // Base64 of something, which is no certificate.
    let nonsense = "-----BEGIN CERTIFICATE-----\nSGVsbG8=\n-----END CERTIFICATE-----\n";
    assert!(refused(nonsense).contains("cannot be used"));
    assert!(refused(&"x".repeat(1024 * 1024 + 1)).contains("has 1048577 bytes"));
}

#[test]
fn dates_and_missing_names_are_concerns_and_no_faults() {
    let identity = read("rsa.pem", "rsa8.key").unwrap();
    let concerns = |now: Timestamp| -> String {
        let read = read_at(&path("rsa.pem"), &path("rsa8.key"), now).unwrap();
        // What others may do with a file in a working copy depends on who checked it out.
        let concerns = read.concerns.into_iter().map(|concern| concern.what);
        let concerns: Vec<_> = concerns
            .filter(|what| !what.contains("by others"))
            .collect();
        concerns.join("\n")
    };
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(concerns(NOW), "");
    assert_eq!(concerns(identity.not_after.plus_millis(-30 * day)), "");
    assert!(concerns(identity.not_after.plus_millis(-29 * day)).contains("ends in 29 days"));
    assert!(concerns(identity.not_after.plus_millis(1)).contains("has EXPIRED"));
    assert!(concerns(identity.not_before.plus_millis(-1)).contains("NOT VALID before"));
    let nameless = read("nameless.pem", "rsa8.key").unwrap();
    assert!(nameless.names.is_empty());
    assert!(
        nameless
            .concerns
            .iter()
            .any(|concern| concern.refused && concern.what.contains("no names")),
        "{:?}",
        nameless.concerns
    );
}
