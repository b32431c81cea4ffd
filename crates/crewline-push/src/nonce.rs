//! Nonces of test pushes. They are recognised by what they are, and kept nowhere: a nonce says when it was made, and is signed
//! for one subscription with a key of this server.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use crewline_api::Timestamp;
use crewline_core::PushNo;
use ring::hmac;

/// Milliseconds after which a nonce counts as not sent.
const HOLDS_MS: i64 = 10 * 60 * 1_000;
/// How much of the signature stands in it.
const SIGNED: usize = 16;

fn sign(key: &[u8], no: PushNo, made: [u8; 8], random: [u8; 8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut context = hmac::Context::with_key(&key);
    for part in [no.0.to_be_bytes(), made, random] {
        context.update(&part);
    }
    context.sign()
}

/// A nonce for a test push to a subscription.
pub(crate) fn make(key: &[u8], no: PushNo, now: Timestamp, random: [u8; 8]) -> String {
    let made = now.as_millis().to_be_bytes();
    let tag = sign(key, no, made, random);
    let parts = [&made[..], &random, &tag.as_ref()[..SIGNED]];
    BASE64.encode(parts.concat())
}

/// Whether a text is a nonce that was made for this subscription not long ago.
pub(crate) fn holds(key: &[u8], no: PushNo, now: Timestamp, text: &str) -> bool {
    let Some(bytes) = BASE64.decode(text).ok().filter(|b| b.len() == 16 + SIGNED) else {
        return false;
    };
    let (mut made, mut random) = ([0; 8], [0; 8]);
    made.copy_from_slice(&bytes[..8]);
    random.copy_from_slice(&bytes[8..16]);
    let age = now.as_millis().saturating_sub(i64::from_be_bytes(made));
    let tag = sign(key, no, made, random);
    // Who guesses is signed in, and has ten minutes: that comparing takes a while longer tells nothing worth having.
    tag.as_ref()[..SIGNED] == bytes[16..] && (-HOLDS_MS..=HOLDS_MS).contains(&age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [3; 32];

    #[test]
    fn a_nonce_holds_for_its_subscription_and_ten_minutes() {
        let at = |ms| Timestamp::from_millis(1_000_000_000 + ms);
        let nonce = make(&KEY, PushNo(7), at(0), [9; 8]);
        assert!(holds(&KEY, PushNo(7), at(0), &nonce));
        assert!(holds(&KEY, PushNo(7), at(HOLDS_MS), &nonce));
        assert!(!holds(&KEY, PushNo(7), at(HOLDS_MS + 1), &nonce));
        assert!(!holds(&KEY, PushNo(8), at(0), &nonce), "of another one");
        assert!(!holds(&[4; 32], PushNo(7), at(0), &nonce), "another key");
        for wrong in ["", "a", "AAAA", &nonce[1..], &format!("{nonce}A")] {
            assert!(!holds(&KEY, PushNo(7), at(0), wrong), "{wrong}");
        }
    }
}
