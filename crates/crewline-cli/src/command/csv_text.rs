//! Files of comma-separated values, made plain before they are read.

/// What a spreadsheet wrote, without the mark at its beginning and with LF at the end of each line, where it was CR LF or CR:
/// the reader counts a line that ends in CR LF late, and none that ends in CR, and faults are told with the numbers that an
/// editor shows.
pub(super) fn plain(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut plain = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => {}
            b'\r' => plain.push(b'\n'),
            other => plain.push(*other),
        }
    }
    plain
}
