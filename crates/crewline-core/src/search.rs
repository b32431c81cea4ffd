//! Search: which words a text has, what a question asks for, and where a text answers it.
//!
//! These rules are the whole of it: a store keeps the words of texts as they are said here in an index of its own, and
//! finds by that index what [`SearchWords::places`] would find by reading everything.
//!
//! A word is a run of letters and digits. Case and the marks on letters do not count: `Führer` has the word `fuhrer`.

use std::ops::Range;

use crewline_api::{ChatId, ParticipantId, SearchHit, SearchPart, Timestamp};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::{ChatRow, MessageRow, ParticipantNo};

/// About how many characters of a text are shown.
const SHOWN_CHARS: usize = 160;
/// How many of them stand before the first place that was found.
const SHOWN_BEFORE: usize = 40;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word without what does not count.
    pub folded: String,
    /// Where it stands: bytes of the text.
    pub place: Range<usize>,
}

/// The words of a text, in their order.
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        // A mark belongs to the letter before it.
        let goes_on = open && is_combining_mark(c);
        if !goes_on && !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open {
            let place = at..at;
            let folded = String::new();
            words.push(Word { folded, place });
            open = true;
        }
        if let Some(word) = words.last_mut() {
            fold_into(&mut word.folded, c);
            word.place.end = at + c.len_utf8();
        }
    }
    words.retain(|word| !word.folded.is_empty());
    words
}

fn fold_into(word: &mut String, c: char) {
    // Nearly all that is written: it has no marks to look for, and each message passes here.
    if c.is_ascii_alphanumeric() {
        return word.push(c.to_ascii_lowercase());
    }
    fold_any_into(word, c);
}

fn fold_any_into(word: &mut String, c: char) {
    let counts = |c: &char| !is_combining_mark(*c) && (!c.is_ascii() || c.is_ascii_alphanumeric());
    word.extend(c.to_lowercase().nfd().filter(counts));
}

/// The words of a text with a space between them: what an index is given.
pub fn indexed(text: &str) -> String {
    let words = words(text);
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    folded.join(" ")
}

/// Words that stand behind each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    words: Vec<String>,
    /// Whether the last one may go on: `trans` finds `transformer`.
    begins: bool,
}

/// What is looked for: all of it must be in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords {
    phrases: Vec<Phrase>,
}

impl SearchWords {
    /// Reads what somebody typed: words, and phrases in quotes. The last word may be the beginning of one, unless a space
    /// or a quote stands behind it. Nothing is wrong; `None` where there is no word in it.
    pub fn read(text: &str) -> Option<Self> {
        let mut phrases = Vec::new();
        for (at, part) in text.split('"').enumerate() {
            if at % 2 == 1 {
                push(&mut phrases, part, false);
            } else {
                for chunk in part.split_whitespace() {
                    push(&mut phrases, chunk, false);
                }
            }
        }
        let typing = text
            .chars()
            .next_back()
            .is_some_and(|c| !c.is_whitespace() && c != '"');
        if typing && let Some(last) = phrases.last_mut() {
            last.begins = true;
        }
        (!phrases.is_empty()).then_some(Self { phrases })
    }

    /// What is only the beginning of a word.
    pub fn beginning(&self) -> Option<&str> {
        let last = self.phrases.last().filter(|phrase| phrase.begins)?;
        last.words.last().map(String::as_str)
    }

    /// The same for the full text search of SQLite, which finds at least what is looked for: only letters, digits and what is
    /// not ASCII stands in its quotes. `ends` are the words that begin as the last one does; where it is `None` that one is
    /// left out. `None` where nothing is left.
    pub fn fts5(&self, ends: Option<&[String]>) -> Option<String> {
        let quoted = |text: &str| format!("\"{text}\"");
        let mut parts = Vec::new();
        for phrase in &self.phrases {
            match phrase.words.split_last() {
                Some((_, whole)) if phrase.begins => {
                    if !whole.is_empty() {
                        parts.push(quoted(&whole.join(" ")));
                    }
                    if let Some(ends) = ends {
                        let ends: Vec<String> = ends.iter().map(|end| quoted(end)).collect();
                        parts.push(format!("({})", ends.join(" OR ")));
                    }
                }
                _ => parts.push(quoted(&phrase.words.join(" "))),
            }
        }
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    /// Every word that a text must have, and whether it may go on: for an index that knows words and not their places.
    pub fn words(&self) -> impl Iterator<Item = (&str, bool)> {
        self.phrases.iter().flat_map(|phrase| {
            let last = phrase.words.len().saturating_sub(1);
            let word = move |(at, word)| (String::as_str(word), phrase.begins && at == last);
            phrase.words.iter().enumerate().map(word)
        })
    }

    /// Where a text has what is looked for, in its order, without one place in another; `None` where it has not all of it.
    pub fn places(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let words = words(text);
        let mut places = Vec::new();
        for phrase in &self.phrases {
            let before = places.len();
            let windows = words.windows(phrase.words.len());
            places.extend(windows.filter(|window| phrase.is(window)).filter_map(place));
            if places.len() == before {
                return None;
            }
        }
        places.sort_by_key(|place: &Range<usize>| (place.start, place.end));
        Some(join(places))
    }
}

fn push(phrases: &mut Vec<Phrase>, text: &str, begins: bool) {
    let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    if !words.is_empty() {
        phrases.push(Phrase { words, begins });
    }
}

impl Phrase {
    fn is(&self, window: &[Word]) -> bool {
        let last = self.words.len().saturating_sub(1);
        let same = |(at, (word, own)): (usize, (&Word, &String))| {
            word.folded == *own
                || self.begins && at == last && word.folded.starts_with(own.as_str())
        };
        window.iter().zip(&self.words).enumerate().all(same)
    }
}

/// From the first word of a window to its last.
fn place(window: &[Word]) -> Option<Range<usize>> {
    Some(window.first()?.place.start..window.last()?.place.end)
}

fn join(places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for place in places {
        match joined.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

/// A part of a text around the first place that was found, in pieces: those that were found, and what stands between.
pub fn snippet(text: &str, places: &[Range<usize>]) -> Vec<SearchPart> {
    let first = places.first().map_or(0, |place| place.start);
    let back = |count: usize, from: usize| {
        let before = text.get(..from).unwrap_or_default();
        let start = before.char_indices().rev().take(count).last();
        start.map_or(from, |(at, _)| at)
    };
    let start = back(SHOWN_BEFORE, first);
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.char_indices().nth(SHOWN_CHARS);
    let end = end.map_or(text.len(), |(at, _)| start + at);
    let mut parts = Vec::new();
    let mut add = |range: Range<usize>, hit: bool| {
        let text = text.get(range).unwrap_or_default();
        if !text.is_empty() {
            let text = text.to_owned();
            parts.push(SearchPart { text, hit });
        }
    };
    let mut at = start;
    for place in places.iter().filter(|place| place.start < end) {
        add(at..place.start, false);
        add(place.start..place.end.min(end), true);
        at = place.end.min(end);
    }
    add(at..end, false);
    let dots = |text: &str| SearchPart {
        text: text.to_owned(),
        hit: false,
    };
    if start > 0 {
        parts.insert(0, dots("…"));
    }
    if end < text.len() {
        parts.push(dots("…"));
    }
    parts
}

/// What somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// These words; every text, where it is left out.
    pub words: Option<SearchWords>,
    /// Sent by this one.
    pub from: Option<ParticipantNo>,
    /// In this chat.
    pub chat: Option<ChatId>,
    /// Not sent before this.
    pub after: Option<Timestamp>,
    /// Sent before this.
    pub before: Option<Timestamp>,
    /// Numbered below this: where the page before ended.
    pub below: Option<i64>,
}

impl Search {
    /// Whether a message is asked for, as far as its row says.
    pub fn asks_for(&self, message: &MessageRow) -> bool {
        self.from.is_none_or(|from| from == message.sender)
            && self.after.is_none_or(|after| message.sent_at >= after)
            && self.before.is_none_or(|before| message.sent_at < before)
    }

    /// Where the words stand in a text of this chat; `None` where it is not asked for.
    pub fn places(&self, chat: &ChatRow, text: &str) -> Option<Vec<Range<usize>>> {
        if self.chat.is_some_and(|wanted| wanted != chat.id()) {
            return None;
        }
        match &self.words {
            Some(words) => words.places(text),
            None => Some(Vec::new()),
        }
    }
}

/// A message that was found, as it is shown. `from` is its sender, with the name that it had then.
pub fn hit(
    message: &MessageRow,
    chat: &ChatRow,
    from: (ParticipantId, String),
    text: &str,
    places: &[Range<usize>],
) -> SearchHit {
    SearchHit {
        message_id: message.id(),
        chat_id: chat.id(),
        position: message.position,
        from_user_id: from.0,
        from_user_name: from.1,
        priority: message.priority,
        sent_at: message.sent_at,
        snippet: snippet(text, places),
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFound {
    /// Messages, newest first.
    pub hits: Vec<SearchHit>,
    /// Where the next page begins; `None` at the end. A page may hold less than was asked for, and still not be the last.
    pub next: Option<i64>,
    /// The newest message that the index holds, where there are more behind it than could be looked through.
    pub indexed_up_to: Option<Timestamp>,
    /// Through whom of those that the user watches something was found.
    pub through: Vec<ParticipantNo>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        indexed(text)
    }

    fn found(question: &str, text: &str) -> Option<Vec<String>> {
        let places = SearchWords::read(question)?.places(text)?;
        Some(
            places
                .into_iter()
                .map(|place| text[place].to_owned())
                .collect(),
        )
    }

    #[test]
    fn plain_letters_and_digits_are_folded_as_all_others_are() {
        for c in (0..=127_u8).map(char::from) {
            let (mut quick, mut any) = (String::new(), String::new());
            fold_into(&mut quick, c);
            fold_any_into(&mut any, c);
            assert_eq!(quick, any, "{c:?}");
        }
    }

    #[test]
    fn words_are_letters_and_digits_without_case_and_marks() {
        assert_eq!(
            folded("Brücke 7, Feeder-12: ÉTÉ!"),
            "brucke 7 feeder 12 ete"
        );
        assert_eq!(folded("Bru\u{308}cke"), "brucke", "a mark of its own");
        assert_eq!(folded("İstanbul Ἀθήνα"), "istanbul αθηνα");
        assert_eq!(folded("\u{308}… \u{200d}"), "");
        assert_eq!(folded("東京 x"), "東京 x");
    }

    #[test]
    fn all_words_must_be_there_and_the_last_may_go_on() {
        let text = "Breaker 1204 has tripped; breakers are checked";
        assert_eq!(found("BREAKER", text).unwrap(), ["Breaker", "breakers"]);
        assert_eq!(found("breaker ", text).unwrap(), ["Breaker"]);
        assert_eq!(
            found("trip 1204", text),
            None,
            "only the last one may go on"
        );
        assert_eq!(found("1204 trip", text).unwrap(), ["1204", "tripped"]);
        assert_eq!(found("breaker missing", text), None);
    }

    #[test]
    fn words_in_quotes_stand_behind_each_other() {
        let text = "the pump has failed, has the pump";
        assert_eq!(found("\"pump has\"", text).unwrap(), ["pump has"]);
        assert_eq!(found("\"pump the\"", text), None);
        assert_eq!(found("\"has fail", text).unwrap(), ["has failed"]);
        assert_eq!(found("\"has fail\"", text), None);
        assert_eq!(found("has-failed", text).unwrap(), ["has failed"]);
        assert_eq!(
            found("\"the pump\" the", text).unwrap(),
            ["the pump", "the pump"]
        );
    }

    #[test]
    fn no_question_is_wrong_and_none_is_handed_on_as_it_is() {
        for nothing in ["", " ", "\"", "\"\"\"", "*", "-", "()", "^ : {} +", "''"] {
            assert_eq!(SearchWords::read(nothing), None, "{nothing}");
        }
        let words = SearchWords::read("text:x* NEAR(a \"b\" OR -c; DROP").unwrap();
        assert_eq!(words.beginning(), Some("drop"));
        let ends = ["drop".to_owned(), "dropped".to_owned()];
        let whole = "\"text x\" AND \"near a\" AND \"b\" AND \"or\" AND \"c\"";
        assert_eq!(
            words.fts5(Some(&ends)),
            Some(format!("{whole} AND (\"drop\" OR \"dropped\")"))
        );
        assert_eq!(words.fts5(None).as_deref(), Some(whole));
        let one = SearchWords::read("drop").unwrap();
        assert_eq!(one.fts5(None), None);
        let phrase = SearchWords::read("\"has been drop").unwrap();
        assert_eq!(
            phrase.fts5(Some(&ends)).as_deref(),
            Some("\"has been\" AND (\"drop\" OR \"dropped\")")
        );
        let closed = SearchWords::read("drop ").unwrap();
        assert_eq!(
            (closed.beginning(), closed.fts5(None).as_deref()),
            (None, Some("\"drop\""))
        );
    }

    #[test]
    fn a_snippet_shows_what_was_found_and_what_is_around_it() {
        let text = format!(
            "{} the fault is here {}",
            "word ".repeat(30),
            "word ".repeat(90)
        );
        let places = SearchWords::read("\"fault is\"")
            .unwrap()
            .places(&text)
            .unwrap();
        let parts = snippet(&text, &places);
        let whole: String = parts.iter().map(|part| part.text.as_str()).collect();
        assert!(whole.starts_with('…') && whole.ends_with('…'), "{whole}");
        assert!(whole.chars().count() <= SHOWN_CHARS + 2, "{whole}");
        let hits: Vec<&str> = parts
            .iter()
            .filter(|part| part.hit)
            .map(|part| part.text.as_str())
            .collect();
        assert_eq!(hits, ["fault is"]);
        assert_eq!(snippet("", &[]), []);
        assert_eq!(snippet("short", &[]).len(), 1);
    }
}
