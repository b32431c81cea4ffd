//! Searching, and the whole story of a message: as the store in memory says it.

use crewline_api::{ReceiptState, Timestamp};
use crewline_core::search::{Search, SearchFound, SearchWords};
use crewline_core::{Cut, MemoryStore};

use super::{Make, desk};
use crate::{Desk, Random};

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dora"];
const WORDS: [&str; 14] = [
    "Brücke",
    "bru\u{308}cke",
    "BRUCKE",
    "breaker",
    "Breakers",
    "feeder-7",
    "feeder",
    "7",
    "Été",
    "東京",
    "trip",
    "tripped!",
    "the",
    "\"quoted\"",
];

fn text(random: &mut Random) -> String {
    let count = 1 + random.below(8);
    let words: Vec<&str> = (0..count)
        .map(|_| WORDS[random.below(WORDS.len())])
        .collect();
    words.join([" ", ", ", "-", "  "][random.below(4)])
}

/// Something that might be typed, sense or not.
fn question(random: &mut Random) -> String {
    let mut question = String::new();
    for _ in 0..=random.below(3) {
        if random.below(4) == 0 {
            question.push('"');
        }
        let word = WORDS[random.below(WORDS.len())];
        let keep = 1 + random.below(word.chars().count());
        question.extend(word.chars().take(keep));
        question.push_str([" ", "\" ", "* ", "-", " OR ", " NOT (", "^"][random.below(7)]);
    }
    question.truncate(question.trim_end_matches(' ').len() + random.below(2));
    question
}

fn find(desk: &Desk, who: &str, search: &Search, limit: usize) -> SearchFound {
    let no = desk.no(who).unwrap();
    let mut found = desk.reader.search(no, search, limit).unwrap();
    // Numbers are the store's own.
    found.through.clear();
    found
}

pub(super) fn a_search_finds_the_same_as_in_memory(make: Make<'_>) {
    let (mut tested, _guard) = desk(make);
    let mut model = Desk::new(MemoryStore::new("model").open());
    let mut random = Random::new(4_711);
    for desk in [&mut tested, &mut model] {
        for name in PEOPLE {
            desk.add_user(name);
        }
        desk.send("scada", &["alice"], "the first").unwrap();
        let (dora, scada) = ("dora".parse().unwrap(), "scada".parse().unwrap());
        let now = desk.now;
        desk.directory(|directory| directory.watch(&dora, &scada, now))
            .unwrap();
    }
    let mut hits = 0;
    for round in 0..400 {
        let (text, from) = (text(&mut random), ["scada", "oms"][random.below(2)]);
        let to: Vec<&str> = PEOPLE
            .into_iter()
            .filter(|_| random.below(2) == 0)
            .collect();
        if !to.is_empty() {
            for desk in [&mut tested, &mut model] {
                desk.send(from, &to, &text).unwrap();
            }
        }
        if random.below(5) == 0 {
            let rows = 1 + random.below(40);
            tested.writer.index(rows).unwrap();
        }
        if random.below(60) == 0 {
            let before = Timestamp::from_millis(tested.now.as_millis() - random.below(40) as i64);
            let release = Timestamp::from_millis(0);
            let cut = Cut { before, release };
            assert_eq!(tested.prune(cut, 7).0, model.prune(cut, 7).0);
        }
        let asked = question(&mut random);
        let ago = |random: &mut Random| {
            let at = tested.now.as_millis() - random.below(300) as i64;
            (random.below(4) == 0).then(|| Timestamp::from_millis(at))
        };
        let mut search = Search {
            words: SearchWords::read(&asked),
            from: None,
            after: ago(&mut random),
            before: ago(&mut random),
            ..Search::default()
        };
        if random.below(4) == 0 {
            search.from = tested.no(from);
            assert_eq!(search.from, model.no(from), "numbers are given alike");
        }
        let (who, limit) = (PEOPLE[random.below(4)], 1 + random.below(9));
        // All pages, one behind the other.
        loop {
            let found = find(&tested, who, &search, limit);
            let expected = find(&model, who, &search, limit);
            assert_eq!(
                found, expected,
                "round {round}: {who} asks for {asked:?} ({search:?})"
            );
            hits += found.hits.len();
            search.below = found.next;
            if found.next.is_none() {
                break;
            }
        }
    }
    assert!(hits > 500, "{hits}");
}

pub(super) fn a_watcher_finds_what_the_watched_may_read_and_nobody_else_does(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in PEOPLE {
        desk.add_user(name);
    }
    desk.send("scada", &["alice"], "a secret word").unwrap();
    desk.writer.index(100).unwrap();
    let search = Search {
        words: SearchWords::read("secret"),
        ..Search::default()
    };
    let found = |desk: &Desk, who: &str| {
        let no = desk.no(who).unwrap();
        let found = desk.reader.search(no, &search, 9).unwrap();
        (found.hits.len(), found.through)
    };
    assert_eq!(found(&desk, "alice"), (1, vec![]));
    assert_eq!(found(&desk, "dora"), (0, vec![]));
    let (dora, scada) = ("dora".parse().unwrap(), "scada".parse().unwrap());
    let now = desk.now;
    desk.directory(|directory| directory.watch(&dora, &scada, now))
        .unwrap();
    assert_eq!(found(&desk, "dora"), (1, vec![desk.no("scada").unwrap()]));
}

pub(super) fn the_story_of_a_message_names_each_device_and_both_clocks(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in PEOPLE {
        desk.add_user(name);
    }
    let sent = desk
        .send("scada", &["bob", "alice"], "Breaker 1204")
        .unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    let story = desk.reader.story(sent.message_id).unwrap().unwrap();
    assert_eq!(
        (story.message.as_str(), story.from_user_id.as_str()),
        ("Breaker 1204", "scada")
    );
    let [alice, bob] = story.recipients.as_slice() else {
        panic!("{story:?}");
    };
    assert_eq!(
        (alice.user_id.as_str(), bob.user_id.as_str()),
        ("alice", "bob")
    );
    assert_eq!((bob.state, bob.receipts.len()), (ReceiptState::Accepted, 0));
    assert_eq!(alice.state, ReceiptState::Read);
    assert!(alice.delivered.unwrap().implied && !alice.read.unwrap().implied);
    let said: Vec<_> = alice.receipts.iter().map(|receipt| receipt.state).collect();
    assert!(said.contains(&ReceiptState::Read), "{said:?}");
    let other = crewline_api::MessageId::from_parts(sent.message_id.no(), 1);
    assert_eq!(desk.reader.story(other).unwrap(), None);
}
