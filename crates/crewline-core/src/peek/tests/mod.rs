//! The original, a few rows at a time, into the store in memory.

mod law;
mod rig;

use crewline_api::{EventKinds, ParticipantId, Timestamp};

use self::rig::{Peek, left, seen};
use super::ImportError;
use crate::memory::MemoryStore;
use crate::port::Reader as _;

fn two_chats() -> Peek {
    Peek::default()
        .chat(1, &["*dms", "alice@250"])
        .chat(2, &["alice@500", "bob@400", "*dms@999"])
        .message(1, 1, "dms", 100, "one")
        .payload(7, 11, b"fires at once")
        .message(2, 1, "dms", 200, "two")
        .with(|message| message.priority = Some(1))
        .message(3, 1, "dms", 300, "three")
        .payload(8, 11, b"waits")
        .message(4, 2, "dms", 350, "all")
        .message(5, 2, "bob", 400, "yes")
        .message(6, 2, "alice", 500, "me too")
}

#[test]
fn read_stays_read_and_unread_stays_unread() {
    let store = MemoryStore::new("e");
    let report = two_chats().bring(&store).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.messages.new, report.payloads.new), (6, 2));
    assert_eq!(report.payloads_fired, 1);
    let seen = seen(&store, &["alice", "dms"]);
    let unread: Vec<&String> = seen
        .iter()
        .filter(|line| line.starts_with("alice has"))
        .collect();
    assert_eq!(unread.len(), 2, "{seen:#?}");
    assert!(unread[0].contains("with 0 unread"), "{unread:?}");
    assert!(unread[1].contains("with 1 unread"), "{unread:?}");
    let fired: Vec<&String> = seen
        .iter()
        .filter(|line| line.contains("Some(Payload"))
        .collect();
    assert_eq!(fired.len(), 1, "{seen:#?}");
    assert!(fired[0].contains("alice read at 250"), "{fired:?}");
}

#[test]
fn nobody_acknowledges_and_no_system_has_read_or_got_anything() {
    let store = MemoryStore::new("e");
    two_chats().bring(&store).unwrap();
    let seen = seen(&store, &["alice", "bob", "dms"]);
    let told = |what: &str| seen.iter().filter(|line| line.contains(what)).count();
    assert_eq!(told("Acknowledged"), 0, "{seen:#?}");
    assert_eq!(told("dms read"), 0, "{seen:#?}");
    // Four readings of what dms sent, and one of what bob did: each implies that it was delivered.
    assert_eq!((told(" read at "), told("Delivered")), (5, 5), "{seen:#?}");
}

#[test]
fn a_consumer_of_a_system_has_nothing_waiting_unless_it_had() {
    let store = MemoryStore::new("e");
    let peek = two_chats();
    peek.bring(&store).unwrap();
    let id = ParticipantId::new("dms").unwrap();
    let no = store.participant(&id).unwrap().unwrap().no;
    let name = "default.messages".parse().unwrap();
    let stands = || {
        let cursor = store.cursor(no, &name).unwrap().unwrap().seq;
        (cursor, store.log(no, 0, EventKinds::ALL, 1).unwrap().head)
    };
    let (cursor, head) = stands();
    assert_eq!(cursor, head);
    // It goes along with what a later run brings.
    peek.clone()
        .message(9, 2, "bob", 600, "later")
        .bring(&store)
        .unwrap();
    let (cursor, later) = stands();
    assert_eq!(cursor, later);
    assert!(later > head);
}

#[test]
fn what_was_taken_is_not_taken_twice_wherever_the_first_run_ended() {
    let people = ["alice", "bob", "dms"];
    let whole = MemoryStore::new("e");
    two_chats().bring(&whole).unwrap();
    let expected = seen(&whole, &people);
    let mut cut = 0;
    loop {
        let store = MemoryStore::new("e");
        let first = two_chats().bring_until(&store, cut);
        let again = two_chats().bring(&store).unwrap();
        assert_eq!(seen(&store, &people), expected, "after {cut} batches");
        assert_eq!(again.messages.new + again.messages.known, 6);
        if first.is_ok() {
            assert_eq!(again.messages.new, 0);
            break;
        }
        cut += 1;
    }
    assert!(
        cut >= 4,
        "people, chats, messages and reading are batches: {cut}"
    );
}

#[test]
fn a_long_chat_is_read_in_steps_and_to_the_same_end() {
    let mut peek = Peek::default().chat(1, &["*dms", "alice@2400", "bob@99"]);
    for at in 0..2_500 {
        peek = peek.message(at + 1, 1, "dms", at, "text");
    }
    let store = MemoryStore::new("e");
    peek.bring(&store).unwrap();
    let seen = seen(&store, &["alice", "bob"]);
    assert!(
        seen.iter()
            .any(|line| line.starts_with("alice has") && line.contains("with 99 unread"))
    );
    assert!(
        seen.iter()
            .any(|line| line.starts_with("bob has") && line.contains("with 2400 unread"))
    );
    let steps = seen
        .iter()
        .filter(|line| line.starts_with("alice") && line.contains(" read, "));
    assert_eq!(steps.count(), 3);
}

#[test]
fn commas_mix_nobody_up_and_two_chats_of_the_same_people_become_one() {
    let peek = Peek::default()
        .chat(1, &["a,b@100", "*dms"])
        .chat(2, &["a@100", "b", "*dms"])
        .chat(3, &["b@150", "*dms", "a@50"])
        .message(1, 1, "dms", 100, "for a,b")
        .message(2, 2, "dms", 100, "for a and b")
        .message(3, 3, "dms", 101, "the same people");
    let store = MemoryStore::new("e");
    let report = peek.bring(&store).unwrap();
    assert_eq!(
        (report.chats.new, report.messages.new),
        (2, 3),
        "{report:?}"
    );
    assert_eq!(report.changed.len(), 1, "{report:?}");
    assert_eq!(report.changed[0].id, 3);
    let seen = seen(&store, &["a", "b", "a,b"]);
    let unread = |who: &str| seen.iter().find(|line| line.starts_with(who)).unwrap();
    // The earlier of two marks holds; where one of them had none, nothing is said to be read.
    assert!(unread("a has").contains("with 2 unread"), "{seen:#?}");
    assert!(unread("b has").contains("with 2 unread"), "{seen:#?}");
    assert!(unread("a,b has").contains("with 0 unread"), "{seen:#?}");
}

#[test]
fn chats_that_cannot_be_taken_are_named_and_so_is_what_was_in_them() {
    let long = "x".repeat(256);
    let crowd: Vec<String> = (0..1_002).map(|at| format!("u{at}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let peek = Peek::default()
        .chat(1, &["*dms", &long])
        .chat(2, &["*dms", "me"])
        .chat(3, &["alone"])
        .chat(4, &["*both", "alice"])
        .chat(5, &["both", "alice"])
        .chat(6, &crowd)
        .message(1, 1, "dms", 100, "text")
        .message(2, 9, "dms", 100, "text");
    let report = peek.run(None, false).unwrap();
    assert_eq!(
        left(&report),
        [
            "chat 1: the id of its member 11 has 256 bytes; at most 255 are allowed",
            "chat 2: the id of its member 21 \"me\" is reserved",
            "chat 3: it has 1 members",
            "chat 4: both is a user in one chat and an external in another; an id is one of them here",
            "chat 5: both is a user in one chat and an external in another; an id is one of them here",
            "chat 6: it has 1002 members; at most 1001 are allowed",
            "message 1: its chat 1 was not taken",
            "message 2: its chat 9 is not there",
        ]
    );
    assert_eq!((report.chats.left, report.messages.left), (6, 2));
}

#[test]
fn messages_that_cannot_be_taken_are_named_with_the_reason() {
    let peek = Peek::default()
        .chat(1, &["*dms", "alice"])
        .message(1, 1, "dms", 100, "")
        .message(2, 1, "dms", 100, " \n")
        .message(3, 1, "dms", 100, &"x".repeat(4_001))
        .message(4, 1, "mallory", 100, "text")
        .message(5, 1, "dms", -1, "text")
        .message(6, 1, "dms", 100, "text")
        .with(|message| message.at = None)
        .message(7, 1, "dms", 100, "text")
        .with(|message| message.priority = Some(0))
        .message(8, 1, "dms", 2_000_000, "from the future");
    let store = MemoryStore::new("e");
    let report = peek.bring(&store).unwrap();
    assert_eq!(
        left(&report),
        [
            "message 1: its text is empty",
            "message 2: its text holds only white space",
            "message 3: its text has 4001 characters; at most 4000 are allowed",
            "message 4: its sender \"mallory\" is not in its chat 1",
            "message 5: its time is before 1970",
            "message 6: it has no time",
        ]
    );
    let changed: Vec<i64> = report.changed.iter().map(|row| row.id).collect();
    assert_eq!((changed, report.messages.new), (vec![7, 8], 2));
    let seen = seen(&store, &["alice"]);
    assert!(
        seen.iter()
            .any(|line| line.ends_with("from the future 1000000")),
        "{seen:#?}"
    );
}

#[test]
fn payloads_that_cannot_be_taken_are_named_and_their_message_is_taken() {
    let peek = Peek::default()
        .chat(1, &["*dms", "alice"])
        .chat(2, &["*dms", "bob"])
        .message(1, 1, "dms", 100, "text")
        .payload(1, 11, b"good")
        .payload(2, 11, b"another")
        .payload(3, 10, b"for the sender")
        .payload(4, 21, b"of another chat")
        .payload(5, 99, b"of nobody")
        .message(2, 1, "alice", 101, "text")
        .payload(6, 10, b"of a user")
        .message(3, 1, "dms", 102, "text")
        .payload(7, 11, b"")
        .message(4, 1, "dms", 103, "text")
        .payload(8, 11, &vec![0; 65_537])
        .message(5, 1, "dms", 104, "")
        .payload(9, 11, b"of nothing");
    let report = peek.bring(&MemoryStore::new("e")).unwrap();
    let ids: Vec<i64> = report.left.iter().map(|row| row.id).collect();
    assert_eq!(ids, [2, 3, 4, 5, 6, 7, 8, 9, 5], "{:#?}", left(&report));
    assert_eq!(
        (
            report.messages.new,
            report.payloads.new,
            report.payloads.left
        ),
        (4, 1, 8)
    );
}

#[test]
fn a_store_that_was_filled_from_elsewhere_is_refused_and_stays_as_it_is() {
    let store = MemoryStore::new("e");
    two_chats().bring(&store).unwrap();
    let before = seen(&store, &["alice", "bob", "dms"]);
    let other = Peek::default()
        .chat(1, &["*dms", "eve"])
        .message(50, 1, "dms", 100, "hello");
    assert_eq!(other.bring(&store), Err(ImportError::NotOurs));
    // The same number, sent by the same system, and something else.
    let other = Peek::default()
        .chat(1, &["*dms", "alice"])
        .message(1, 1, "dms", 100, "other");
    assert_eq!(other.bring(&store), Err(ImportError::OtherSource(1)));
    assert_eq!(seen(&store, &["alice", "bob", "dms"]), before);
    let id = ParticipantId::new("eve").unwrap();
    assert_eq!(store.participant(&id).unwrap(), None);
}

#[test]
fn a_later_mark_reads_what_an_earlier_run_had_left_unread() {
    let store = MemoryStore::new("e");
    two_chats().bring(&store).unwrap();
    let mut later = two_chats();
    later.members[1].last_read = Some(Timestamp::from_millis(900));
    let report = later.bring(&store).unwrap();
    assert_eq!(
        (report.read_marks.new, report.messages.new),
        (1, 0),
        "{report:?}"
    );
    let seen = seen(&store, &["alice", "dms"]);
    let unread = seen
        .iter()
        .filter(|line| line.contains("alice has") && line.contains("with 0 unread"));
    assert_eq!(unread.count(), 2, "{seen:#?}");
    let fired = seen.iter().filter(|line| line.contains("Some(Payload"));
    assert_eq!(fired.count(), 2, "{seen:#?}");
}
