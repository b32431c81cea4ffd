//! Passwords: hashed by argon2id, with the parameters that OWASP recommends. Whoever sets a password hashes it here.
//!
//! A hash takes some 20 milliseconds of one core and 19 MiB: never call this where other work must not wait.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use metrics::{counter, describe_counter};

/// A hash of no password: it is verified where there is no user, so that the time does not tell who exists.
/// (Its output is all zero, which no password is known to give.)
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzLi4$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Counts hashes.
const HASHES: &str = "crewline_password_hashes_total";

/// Says what is counted, and begins with 0.
pub(crate) fn describe_metrics() {
    describe_counter!(
        HASHES,
        "Passwords that were hashed: each sign-in that was not turned away before costs one"
    );
    counter!(HASHES).increment(0);
}

/// Why a password could not be hashed.
#[derive(Debug)]
pub struct HashError(String);

impl std::fmt::Display for HashError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the password could not be hashed: {}", self.0)
    }
}

impl std::error::Error for HashError {}

#[expect(
    clippy::expect_used,
    reason = "the parameters are constants, and tested"
)]
fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None)
        .expect("19 MiB, two passes and one lane are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password with a salt of its own, as a PHC string to be stored.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn hash(password: &str) -> Result<String, HashError> {
    count();
    let hash = hasher()
        .hash_password(password.as_bytes())
        .map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether this is the password of a stored hash. Without a hash (no such user, no password set) it takes as long,
/// and is never so.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let Some(known) = known else {
        if let Ok(nobody) = PasswordHash::new(NOBODY) {
            is_of(password, &nobody);
        }
        return false;
    };
    is_of(password, &known)
}

fn is_of(password: &str, hash: &PasswordHash) -> bool {
    count();
    hasher().verify_password(password.as_bytes(), hash).is_ok()
}

/// Each hash takes a core for a while: how often that is is worth knowing.
fn count() {
    counter!(HASHES).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_hash_and_by_no_other() {
        let one = hash("correct horse").unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(verify("correct horse", Some(&one)));
        assert!(!verify("Correct horse", Some(&one)));
        assert_ne!(
            one,
            hash("correct horse").unwrap(),
            "each hash has a salt of its own"
        );
    }

    #[test]
    fn nobody_has_a_password() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.hash.map(|hash| hash.as_bytes().len()), Some(32));
        assert!(!verify("", None));
        assert!(!verify("x", Some("damaged")));
    }
}
