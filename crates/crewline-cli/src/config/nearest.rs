//! What was probably meant by a word that is not known.

/// The word that differs least, where one is near enough to have been meant.
pub(crate) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    words
        .map(|other| (distance(&folded, &other.to_lowercase()), other))
        .min()
        .filter(|(distance, _)| *distance <= 2 + word.len() / 4)
        .map(|(_, other)| other)
}

/// How many characters must be added, dropped or replaced to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_that_is_near_was_meant() {
        let words = ["http.listen", "log.level"];
        assert_eq!(
            nearest("http.lisen", words.into_iter()),
            Some("http.listen")
        );
        assert_eq!(nearest("LOG.LEVEL", words.into_iter()), Some("log.level"));
        assert_eq!(nearest("tls.certificate", words.into_iter()), None);
    }
}
