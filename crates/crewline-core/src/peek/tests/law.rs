//! Any original: unread, states and payloads are what its marks and replies say, wherever a first run ended.

use crewline_api::{EventData, EventKinds, ParticipantId};
use proptest::prelude::*;

use super::rig::{Peek, seen};
use crate::memory::MemoryStore;
use crate::port::Reader as _;

const CHATS: [[&str; 3]; 2] = [["alice", "bob", "dms"], ["alice", "carol", "dms"]];
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dms"];

/// Chat, sender, time, priority, and whether it has a payload for the first person of the chat.
type Row = (usize, usize, i64, i64, bool);
/// Of the two people of the two chats.
type Marks = [[Option<i64>; 2]; 2];

fn original(rows: &[Row], marks: &Marks) -> Peek {
    let mut peek = Peek::default();
    for (chat, people) in CHATS.iter().enumerate() {
        let with_mark = |at: usize| match marks[chat][at] {
            Some(mark) => format!("{}@{mark}", people[at]),
            None => people[at].to_owned(),
        };
        let (one, other) = (with_mark(0), with_mark(1));
        peek = peek.chat(chat as i64 + 1, &[&one, &other, "*dms"]);
    }
    for (at, (chat, sender, time, priority, payload)) in rows.iter().enumerate() {
        let (id, from) = (at as i64 + 1, CHATS[*chat][*sender]);
        peek = peek.message(id, *chat as i64 + 1, from, *time, &format!("m{id}"));
        peek = peek.with(|message| message.priority = Some(*priority));
        if *payload && from == "dms" {
            peek = peek.payload(id, (*chat as i64 + 1) * 10, format!("p{id}").as_bytes());
        }
    }
    peek
}

/// Whether somebody has read a message: by the mark, or, where it is no emergency, by a later message of their own.
fn is_read(rows: &[Row], marks: &Marks, at: usize, person: usize) -> bool {
    let (chat, _, time, priority, _) = rows[at];
    let by_mark = marks[chat][person].is_some_and(|mark| mark >= time);
    let own = |row: &Row| row.0 == chat && row.1 == person;
    by_mark || (priority != 1 && rows[at + 1..].iter().any(own))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..2usize, 0..3usize, 1..40i64, 1..=3i64, any::<bool>());
    proptest::collection::vec(row, 0..24).prop_map(|mut rows| {
        rows.sort_by_key(|row| row.2);
        rows
    })
}

fn marks() -> impl Strategy<Value = Marks> {
    let mark = || proptest::option::of(0..50i64);
    [[mark(), mark()], [mark(), mark()]]
}

proptest! {
    #[test]
    fn what_was_read_is_read_and_nothing_else_is(rows in rows(), marks in marks(), cut in 0..8u32) {
        let peek = original(&rows, &marks);
        let store = MemoryStore::new("e");
        // The first run may end before its end; the second one must not care.
        let _ = peek.bring_until(&store, cut);
        let report = peek.bring(&store).unwrap();
        prop_assert!(report.is_whole(), "{report:?}");
        for (person, id) in [(0, "alice"), (1, "bob"), (1, "carol")] {
            let no = store.participant(&ParticipantId::new(id).unwrap()).unwrap().unwrap().no;
            for chat in store.chats(no, None, 10).unwrap().chats {
                let of = usize::from(chat.user_ids.iter().any(|id| id.as_str() == "carol"));
                let mine = |at: &usize| rows[*at].0 == of && rows[*at].1 != person;
                let unread = (0..rows.len()).filter(mine).filter(|at| !is_read(&rows, &marks, *at, person));
                prop_assert_eq!(chat.unread, unread.count() as u64, "{} in chat {}", id, of + 1);
            }
        }
        let mut expected: Vec<String> = (0..rows.len())
            .filter(|at| rows[*at].4 && rows[*at].1 == 2 && is_read(&rows, &marks, *at, 0))
            .map(|at| format!("p{}", at + 1))
            .collect();
        let dms = store.participant(&ParticipantId::new("dms").unwrap()).unwrap().unwrap().no;
        let log = store.log(dms, 0, EventKinds::ALL, 1_000).unwrap();
        let payload = |data: &EventData| match data {
            EventData::MessageRead(read) => read.payload.clone(),
            _ => None,
        };
        let fired = log.events.iter().filter_map(|event| payload(&event.data));
        let mut fired: Vec<String> = fired.map(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()).collect();
        expected.sort();
        fired.sort();
        prop_assert_eq!(fired, expected);

        let whole = MemoryStore::new("e");
        peek.bring(&whole).unwrap();
        prop_assert_eq!(seen(&store, &PEOPLE), seen(&whole, &PEOPLE));
        let before = seen(&whole, &PEOPLE);
        peek.bring(&whole).unwrap();
        prop_assert_eq!(seen(&whole, &PEOPLE), before, "again is nothing");
    }
}
