//! The two files in PEM, the certificate and its key: what is in them, and what is not.
//!
//! A fault names the file and says what stands there instead; it never holds anything of a key.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error as PemError, PemObject as _, SectionKind, SliceIter};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Chains are a few KiB; what is larger is another file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of this server, and behind it those that lead to one that clients know, in PEM.
    pub certificate: PathBuf,
    /// The private key of the first certificate, in PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    /// What is wrong, and in which file.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl TlsFault {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for TlsFault {}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let fault = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "give the server's user the right to read it, and nobody else"
            }
            _ => {
                "check http.tlsCert and http.tlsKey (crewline config show says where they come from)"
            }
        };
        TlsFault::new(format!("cannot read {}: {error}", path.display()), remedy)
    };
    let length = std::fs::metadata(path).map_err(fault)?.len();
    if length > FILE_BYTES_MAX {
        let what = format!(
            "{} has {length} bytes: that is no certificate and no key",
            path.display()
        );
        return Err(TlsFault::new(what, "name the right file"));
    }
    std::fs::read(path).map_err(fault)
}

/// The sections of a file in PEM.
fn sections(path: &Path, text: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, TlsFault> {
    let read: Result<Vec<_>, _> = SliceIter::new(text).collect();
    read.map_err(|error| {
        let why = match error {
            PemError::MissingSectionEnd { .. } => {
                "a section has no end: was it copied whole?".to_owned()
            }
            PemError::IllegalSectionStart { .. } => {
                "a line that begins a section is damaged".to_owned()
            }
            PemError::Base64Decode(why) => format!("a section is not base64: {why}"),
            other => other.to_string(),
        };
        let what = format!("{} is damaged: {why}", path.display());
        TlsFault::new(what, "get the file again from whoever made it")
    })
}

/// The certificates of a file, the server's own first. There is at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let text = read_file(path)?;
    let sections = sections(path, &text)?;
    let found_key = sections.iter().any(|(kind, _)| is_key(*kind));
    let chain: Vec<_> = sections
        .into_iter()
        .filter_map(|(kind, der)| CertificateDer::from_pem(kind, der))
        .collect();
    if !chain.is_empty() {
        return Ok(chain);
    }
    let (what, remedy) = if found_key {
        (
            "there is a key in it, and no certificate",
            "are http.tlsCert and http.tlsKey swapped?",
        )
    } else {
        (
            "there is no certificate in it (no line -----BEGIN CERTIFICATE-----)",
            "PEM is needed; of another form it is made by openssl x509 -inform der -in FILE -out FILE.pem",
        )
    };
    Err(TlsFault::new(format!("{}: {what}", path.display()), remedy))
}

fn is_key(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey
    )
}

/// The private key of a file.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let text = read_file(path)?;
    let sections = sections(path, &text)?;
    let found_certificate = sections
        .iter()
        .any(|(kind, _)| *kind == SectionKind::Certificate);
    let mut keys = sections
        .into_iter()
        .filter_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    let key = keys.next();
    if keys.next().is_some() {
        let what = format!("{}: there are several keys in it", path.display());
        return Err(TlsFault::new(what, "leave the one of the certificate"));
    }
    key.ok_or_else(|| no_key(path, &text, found_certificate))
}

fn no_key(path: &Path, text: &[u8], found_certificate: bool) -> TlsFault {
    let holds = |part: &str| {
        text.windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    let (what, remedy) = if holds("BEGIN ENCRYPTED PRIVATE KEY") || holds("Proc-Type: 4,ENCRYPTED")
    {
        (
            "the key in it is locked by a passphrase, and nobody is there to type it at a start",
            "openssl pkey -in FILE -out FILE.open, readable by the server's user alone",
        )
    } else if found_certificate {
        (
            "there is a certificate in it, and no key",
            "are http.tlsCert and http.tlsKey swapped?",
        )
    } else {
        (
            "there is no private key in it (no line -----BEGIN PRIVATE KEY-----)",
            "PEM is needed; of another form it is made by openssl pkey -inform der -in FILE -out FILE.pem",
        )
    };
    TlsFault::new(format!("{}: {what}", path.display()), remedy)
}
