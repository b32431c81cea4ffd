//! A certificate with its key: whether they fit, what the certificate says of itself, and what should be looked at.
//!
//! It never shows them to anybody: that is the handshake's. Of a key it says only whether it fits.

use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use crewline_api::Timestamp;
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files::{TlsFault, TlsFiles, read_chain, read_key};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A certificate that ends within this is told of, so that there is time to renew it.
const SOON_DAYS: i64 = 30;

/// What can be used and should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// What it is, and of which file.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether clients refuse to talk because of it.
    pub refused: bool,
}

/// A certificate with the key that fits it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whose certificate it is, as its maker wrote it.
    pub subject: String,
    /// The names and addresses for which clients take it, in its own order.
    pub names: Vec<String>,
    /// When it begins to hold.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// What is no fault and should be looked at.
    pub concerns: Vec<Concern>,
    pub(crate) key: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads both files, and sees whether the key fits the certificate.
    pub fn read(files: &TlsFiles, now: Timestamp) -> Result<Self, TlsFault> {
        let chain = read_chain(&files.certificate)?;
        let key = read_key(&files.key)?;
        let provider = rustls::crypto::ring::default_provider();
        let shown = chain[0].clone();
        let key = pair(files, chain, &key, &provider)?;
        let mut identity = describe(&files.certificate, &shown, key)?;
        identity.concerns.extend(concern_of_dates(
            &files.certificate,
            identity.not_before,
            identity.not_after,
            now,
        ));
        identity.concerns.extend(concern_of_mode(&files.key));
        Ok(identity)
    }

    /// The certificate itself, in DER: to compare with the one that a server shows.
    pub fn der(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |shown| shown.as_ref())
    }

    /// Whether people may reach an address by one of the names. What a name of DNS stands for is not looked up: any but
    /// those of this machine itself may stand for it.
    pub fn may_be_for(&self, address: IpAddr) -> bool {
        self.names.iter().any(|name| match name.parse::<IpAddr>() {
            Ok(named) if address.is_unspecified() => !named.is_loopback(),
            Ok(named) => named == address.to_canonical(),
            Err(_) => !(name == "localhost" || name.ends_with(".localhost")),
        })
    }
}

fn pair(
    files: &TlsFiles,
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsFault> {
    let (certificate, key_file) = (files.certificate.display(), files.key.display());
    let signer = provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(|error| {
            let what = format!("{key_file}: the key in it cannot be used: {error}");
            TlsFault::new(
                what,
                "a key of RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519",
            )
        })?;
    let fits = |chain: Vec<_>| CertifiedKey::new(chain, Arc::clone(&signer)).keys_match();
    match fits(chain.clone()) {
        // A key that does not tell its public half cannot be compared; ring's all do.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Ok(Arc::new(CertifiedKey::new(chain, signer)))
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            let other = chain
                .iter()
                .skip(1)
                .position(|other| fits(vec![other.clone()]).is_ok());
            Err(match other {
                Some(place) => TlsFault::new(
                    format!(
                        "the key in {key_file} fits certificate {} in {certificate}, not the first one",
                        place + 2
                    ),
                    "put the server's own certificate first, then those above it",
                ),
                None => TlsFault::new(
                    format!("the key in {key_file} does not fit the certificate in {certificate}"),
                    "take both from the same request; openssl pkey -in KEY -pubout and openssl x509 -in CERT -noout -pubkey \
                     say the same where they fit",
                ),
            })
        }
        Err(error) => Err(TlsFault::new(
            format!("{certificate}: the certificate in it cannot be used: {error}"),
            "a certificate of X.509 version 3",
        )),
    }
}

/// What the certificate says of itself.
fn describe(
    path: &Path,
    shown: &CertificateDer<'_>,
    key: Arc<CertifiedKey>,
) -> Result<Identity, TlsFault> {
    let certificate = x509_cert::Certificate::from_der(shown).map_err(|error| {
        let what = format!(
            "{}: the certificate in it is damaged: {error}",
            path.display()
        );
        TlsFault::new(what, "get the file again from whoever made it")
    })?;
    let told = certificate.tbs_certificate();
    let names = match told.get_extension::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names.iter().filter_map(name).collect(),
        _ => Vec::new(),
    };
    let time = |time: x509_cert::time::Time| {
        Timestamp::from_millis(
            i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX),
        )
    };
    let mut concerns = Vec::new();
    if names.is_empty() {
        concerns.push(Concern {
            what: format!(
                "the certificate in {} has no names (subjectAltName): browsers and most programs refuse it",
                path.display()
            ),
            remedy: "make it with the names and addresses by which people reach this server".to_owned(),
            refused: true,
        });
    }
    Ok(Identity {
        subject: told.subject().to_string(),
        names,
        not_before: time(told.validity().not_before),
        not_after: time(told.validity().not_after),
        concerns,
        key,
    })
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address =
                four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into()));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn concern_of_dates(
    path: &Path,
    not_before: Timestamp,
    not_after: Timestamp,
    now: Timestamp,
) -> Option<Concern> {
    let path = path.display();
    let concern = |what: String, remedy: &str, refused| {
        let remedy = remedy.to_owned();
        Some(Concern {
            what,
            remedy,
            refused,
        })
    };
    let renew = "renew it, then send the server a SIGHUP";
    if now > not_after {
        let what =
            format!("the certificate in {path} has EXPIRED at {not_after}: clients refuse it");
        return concern(what, renew, true);
    }
    if now < not_before {
        let what = format!(
            "the certificate in {path} is NOT VALID before {not_before}: clients refuse it"
        );
        return concern(what, "is this machine's clock right?", true);
    }
    let days = (not_after.as_millis() - now.as_millis()) / DAY_MS;
    if days < SOON_DAYS {
        let what = format!("the certificate in {path} ends in {days} days, at {not_after}");
        return concern(what, renew, false);
    }
    None
}

/// A group may read it, as is usual where several programs share one certificate; all the world may not.
fn concern_of_mode(path: &Path) -> Option<Concern> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o027 != 0).then(|| Concern {
        what: format!("the key {path} can be read or changed by others (mode {mode:o})"),
        remedy: format!("chmod 600 {path}"),
        refused: false,
    })
}
