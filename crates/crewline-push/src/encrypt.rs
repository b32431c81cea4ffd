//! What is in a push is for the browser alone (RFC 8291): encrypted as `aes128gcm` (RFC 8188), in one record.

use crewline_core::PushSecrets;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The size of a record: more than any push has.
const RECORD: u32 = 4_096;
/// Behind the text of the last record.
const END: u8 = 2;

const BROKEN: &str = "the push could not be encrypted";

/// A length of HKDF's output.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Whether a browser's public key is a point of the curve.
pub(crate) fn is_point(p256dh: &[u8; 65]) -> bool {
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    ours.and_then(|ours| agree_ephemeral(ours, &UnparsedPublicKey::new(&ECDH_P256, p256dh), |_| ()))
        .is_ok()
}

/// Encrypts a text, with a key pair and a salt that are used once.
///
/// # Errors
/// Where the browser's public key is none.
pub(crate) fn encrypt(secrets: &PushSecrets, text: &[u8]) -> Result<Vec<u8>, String> {
    let random = SystemRandom::new();
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| BROKEN)?;
    let public = ours.compute_public_key().map_err(|_| BROKEN)?;
    let public: [u8; 65] = public.as_ref().try_into().map_err(|_| BROKEN)?;
    let mut salt = [0; 16];
    random.fill(&mut salt).map_err(|_| BROKEN)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &secrets.p256dh);
    agree_ephemeral(ours, &theirs, |shared| {
        seal(secrets, shared, &public, salt, text)
    })
    .map_err(|_| "the browser's public key is no point of P-256")?
    .map_err(str::to_owned)
}

/// Encrypts with what both sides share.
fn seal(
    secrets: &PushSecrets,
    shared: &[u8],
    public: &[u8; 65],
    salt: [u8; 16],
    text: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let who: [&[u8]; 3] = [b"WebPush: info\0", &secrets.p256dh, public];
    let mut material = [0; 32];
    derive(&secrets.auth, shared, &who, &mut material)?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(
        &salt,
        &material,
        &[b"Content-Encoding: aes128gcm\0"],
        &mut key,
    )?;
    derive(
        &salt,
        &material,
        &[b"Content-Encoding: nonce\0"],
        &mut nonce,
    )?;
    let mut sealed = Vec::with_capacity(text.len() + 1 + AES_128_GCM.tag_len());
    sealed.extend_from_slice(text);
    sealed.push(END);
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| BROKEN)?;
    LessSafeKey::new(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        )
        .map_err(|_| BROKEN)?;
    let mut body = Vec::with_capacity(86 + sealed.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(public.len() as u8);
    body.extend_from_slice(public);
    body.extend_from_slice(&sealed);
    Ok(body)
}

/// HKDF with SHA-256.
fn derive(salt: &[u8], from: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), &'static str> {
    Salt::new(HKDF_SHA256, salt)
        .extract(from)
        .expand(info, Bytes(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| BROKEN)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        BASE64.decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_example_of_rfc_8291_comes_out_byte_by_byte() {
        let secrets = PushSecrets {
            p256dh: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let shared: [u8; 32] = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let public: [u8; 65] = bytes(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let text = b"When I grow up, I want to be a watermelon";
        let sealed = seal(&secrets, &shared, &public, salt, text).unwrap();
        assert_eq!(
            BASE64.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
             mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
             pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn each_push_has_a_key_and_a_salt_of_its_own_and_a_point_off_the_curve_is_refused() {
        let p256dh = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let mut secrets = PushSecrets {
            p256dh,
            auth: [7; 16],
        };
        let (one, other) = (
            encrypt(&secrets, b"a").unwrap(),
            encrypt(&secrets, b"a").unwrap(),
        );
        assert_ne!(one[..16], other[..16], "the salt");
        assert_ne!(one[21..86], other[21..86], "the key");
        assert!(is_point(&secrets.p256dh));
        secrets.p256dh[64] ^= 1;
        assert!(!is_point(&secrets.p256dh));
        assert!(encrypt(&secrets, b"a").is_err());
    }
}
