//! Places between pages, searches, and the headers of browsers.

use crewline_api::Timestamp;
use crewline_core::AuditPlace;
use crewline_core::search::SearchWords;
use crewline_http::fuzzing::head;

use super::headers::{headers, line_end};

/// A word of a query in the first line, headers in those below it.
pub(crate) fn head(data: &[u8]) -> usize {
    let (first, rest) = data.split_at(line_end(data));
    let headers = headers(rest);
    let opens = browser(&headers);
    let Ok(text) = std::str::from_utf8(first) else {
        return opens;
    };
    let mut understood = opens;
    for said in head::words(text) {
        match said {
            Ok(()) => understood += 1,
            Err((_, detail)) => assert!(!detail.is_empty() && detail.chars().count() <= 1_500),
        }
    }
    if let Ok(place) = text.parse::<AuditPlace>() {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse::<Timestamp>().ok(), Some(time));
    }
    search(text);
    understood
}

fn browser(headers: &[(&[u8], &[u8])]) -> usize {
    for name in ["index.html", "sw.js", "no such file"] {
        if let Some((status, zipped)) = head::app_file(name, headers) {
            assert!(status == 200 || (status == 304 && !zipped));
        }
    }
    let given = |wanted: &str| {
        let same = |(name, _): &&(&[u8], &[u8])| name.eq_ignore_ascii_case(wanted.as_bytes());
        headers.iter().filter(same).count()
    };
    let writes = head::may_write(headers) == Some(true);
    assert!(
        !writes || given("origin") == 1,
        "a page says where it comes from"
    );
    let opens = matches!(head::opens_a_socket(headers), Some(Ok(_)));
    assert!(!opens || given("sec-websocket-key") > 0);
    usize::from(writes) + usize::from(opens)
}

/// What is asked of an index holds nothing but words in quotes.
fn search(text: &str) {
    let Some(words) = SearchWords::read(text) else {
        return;
    };
    let ends = words
        .beginning()
        .map(|beginning| vec![beginning.to_owned()]);
    for ends in [None, ends.as_deref()] {
        let Some(asked) = words.fts5(ends) else {
            continue;
        };
        assert_eq!(asked.matches('"').count() % 2, 0, "{asked}");
        for (at, part) in asked.split('"').enumerate() {
            if at % 2 == 0 {
                let joins = ["", " AND ", "(", ")", " OR ", " AND (", ") AND ", ")"];
                assert!(joins.contains(&part), "{asked}");
            } else {
                let plain = |c: char| c.is_alphanumeric() || c == ' ' || !c.is_ascii();
                assert!(part.chars().all(plain), "{asked}");
            }
        }
    }
    assert!(words.words().all(|(word, _)| !word.is_empty()));
}
