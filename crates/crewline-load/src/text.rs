//! The text of a message: 200 bytes that begin with its number, by which it is known wherever it comes.

use crate::fault::{Done, Fault};

/// The size of a message.
pub(crate) const BYTES: usize = 200;
/// The number, in hexadecimal digits.
pub(crate) const DIGITS: usize = 16;
/// How many messages a sender can number.
const EACH: u64 = 1 << 40;

/// The numbers that a sender gives its messages begin behind this one.
pub(crate) fn first(sender: usize) -> u64 {
    sender as u64 * EACH
}

/// Who has sent the message of this number.
pub(crate) fn sender(no: u64) -> usize {
    (no / EACH) as usize
}

/// The number alone, as it stands in a text: a receipt is this.
pub(crate) fn number(no: u64) -> [u8; DIGITS] {
    let mut digits = [0; DIGITS];
    for (place, digit) in digits.iter_mut().enumerate() {
        let value = (no >> (4 * (DIGITS - 1 - place))) & 15;
        *digit = b"0123456789abcdef"[value as usize];
    }
    digits
}

/// Appends the text: letters, digits and blanks, so that no protocol has anything to escape.
pub(crate) fn write(out: &mut Vec<u8>, no: u64) {
    const WORDS: &[u8] = b" transformer seven in the substation by the river is hot and somebody should go and look at it";
    let end = out.len() + BYTES;
    out.extend_from_slice(&number(no));
    while out.len() < end {
        let room = WORDS.len().min(end - out.len());
        out.extend_from_slice(&WORDS[..room]);
    }
}

/// The number at the beginning of a text, or of a receipt.
pub(crate) fn read(text: &[u8]) -> Done<u64> {
    let digits = text.get(..DIGITS).and_then(|digits| {
        digits.iter().try_fold(0u64, |no, digit| {
            let value = char::from(*digit).to_digit(16)?;
            Some((no << 4) | u64::from(value))
        })
    });
    digits.ok_or_else(|| {
        let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
        Fault(format!("no message of ours begins so: {shown:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_200_bytes_and_tells_its_number_and_its_sender() {
        for no in [0, 1, first(7) + 12, u64::MAX] {
            let mut text = b"before".to_vec();
            write(&mut text, no);
            let text = &text[b"before".len()..];
            assert_eq!(text.len(), BYTES);
            assert!(
                text.iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
            );
            assert_eq!(read(text).unwrap(), no);
            assert_eq!(read(&number(no)).unwrap(), no);
        }
        assert_eq!(sender(first(7) + 12), 7);
        assert!(read(b"12").is_err());
        assert!(read(b"something that is no number").is_err());
    }
}
