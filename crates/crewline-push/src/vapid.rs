//! Who pushes (RFC 8292): a token that is signed with the server's key pair, for one push service and half a day.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use crewline_api::Timestamp;
use crewline_core::PushKey;
use ring::hkdf;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

/// Seconds for which a token holds; a day is allowed.
const HOLDS_S: i64 = 12 * 60 * 60;
/// `{"typ":"JWT","alg":"ES256"}`
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9";

/// A new key pair, to be kept.
///
/// # Errors
/// Where the operating system gives no random numbers.
pub fn new_key() -> Result<PushKey, String> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map(|pkcs8| PushKey::kept(pkcs8.as_ref().to_vec()))
        .map_err(|_| "no key pair could be made: the system gives no random numbers".to_owned())
}

/// The key pair of this server.
pub struct Vapid {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    public: String,
    nonces: [u8; 32],
}

impl Vapid {
    /// Reads a key pair.
    ///
    /// # Errors
    /// Where it is none of P-256.
    pub fn new(key: &PushKey) -> Result<Self, String> {
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.reveal(), &random)
                .map_err(|error| format!("the key of push cannot be read: {error}"))?;
        let public = BASE64.encode(pair.public_key().as_ref());
        let mut nonces = [0; 32];
        let from = hkdf::Salt::new(hkdf::HKDF_SHA256, b"crewline push tests").extract(key.reveal());
        from.expand(&[b"nonce"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut nonces))
            .map_err(|_| "the key of push cannot be used".to_owned())?;
        Ok(Self {
            pair,
            random,
            public,
            nonces,
        })
    }

    /// The public key: a point of P-256, not compressed, as base64url without padding.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// By what nonces are recognised.
    pub(crate) fn nonces(&self) -> &[u8; 32] {
        &self.nonces
    }

    /// The header `Authorization` for a push to this origin.
    pub(crate) fn authorization(
        &self,
        origin: &str,
        contact: Option<&str>,
        now: Timestamp,
    ) -> Result<String, String> {
        let mut claims = json!({ "aud": origin, "exp": now.as_millis() / 1_000 + HOLDS_S });
        if let Some(contact) = contact {
            claims["sub"] = contact.into();
        }
        let signed = format!("{HEADER}.{}", BASE64.encode(claims.to_string()));
        let signature = self
            .pair
            .sign(&self.random, signed.as_bytes())
            .map_err(|_| "nothing can be signed".to_owned())?;
        let signature = BASE64.encode(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_token_says_what_it_is() {
        assert_eq!(
            BASE64.decode(HEADER).unwrap(),
            br#"{"typ":"JWT","alg":"ES256"}"#
        );
    }

    #[test]
    fn a_key_is_read_again_and_what_is_none_is_refused() {
        let key = new_key().unwrap();
        let (one, again) = (Vapid::new(&key).unwrap(), Vapid::new(&key).unwrap());
        assert_eq!(
            (one.public(), one.nonces()),
            (again.public(), again.nonces())
        );
        assert_eq!(BASE64.decode(one.public()).unwrap().len(), 65);
        assert!(Vapid::new(&PushKey::kept(vec![1, 2, 3])).is_err());
    }
}
