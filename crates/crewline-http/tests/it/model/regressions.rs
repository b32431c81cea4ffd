//! What the model found, each as the shortest list of steps that showed it. A list stays.

use crewline_core::Settings;
use crewline_testkit::model::{By::*, Fault, Kinds::*, Much, Op::*, Place::*, Step, To, step};

use super::What;

/// Nothing differs any more, wherever the steps are played.
async fn holds(steps: Vec<Step>) {
    for what in What::ALL {
        let difference = what.difference(&steps, Settings::default()).await;
        assert_eq!(difference, None, "{what:?}");
    }
}

/// After an act on the directory the writer holds nothing in memory, and could not put `self.read` of earlier messages
/// together for those who follow; what came behind it in the same batch hid the gap. A follower never heard of it.
#[tokio::test]
async fn an_event_that_cannot_be_put_together_is_not_passed_over() {
    let to = |id| To {
        id,
        delivered: None,
        read: None,
    };
    let send = |text| Send {
        by: Token("scada"),
        from: "scada",
        name: "Line 2",
        to: vec![to("bob"), to("alice")],
        groups: vec![],
        text,
        priority: 2,
        key: None,
    };
    holds(vec![
        step(
            1,
            Connect {
                by: Token("bob"),
                whose: "bob",
                place: Start,
                cursor: None,
                kinds: All,
            },
            Fault::None,
        ),
        step(2, send("Breaker open"), Fault::None),
        step(3, send("Done"), Fault::None),
        step(
            4,
            SignIn {
                user: "bob",
                right: true,
                device: None,
            },
            Fault::None,
        ),
        step(
            5,
            Reply {
                by: Token("bob"),
                chat: 2,
                text: "On my way",
                priority: 1,
                reply_to: None,
                read_up_to: None,
                key: None,
            },
            Fault::None,
        ),
        step(6, Listen { session: 1 }, Fault::None),
    ])
    .await;
}

/// Where the caller alone was left for the next page, the page before said that there is one.
#[tokio::test]
async fn a_page_of_people_does_not_lead_to_an_empty_one() {
    holds(vec![step(
        1,
        People {
            by: Token("ann"),
            q: "AN",
            limit: 1,
        },
        Fault::None,
    )])
    .await;
}

/// A socket looks more often whether its credential still stands when that is about to end, and took each of these looks for
/// a heartbeat: a wall clock that was behind by a few milliseconds, and it closed the session as silent.
#[tokio::test]
async fn a_socket_whose_session_is_about_to_end_is_not_taken_for_silent() {
    holds(vec![
        step(
            1,
            SignIn {
                user: "bob",
                right: true,
                device: None,
            },
            Fault::None,
        ),
        step(2, Advance { ms: 2_591_999_999 }, Fault::None),
        step(
            3,
            Connect {
                by: Session(1),
                whose: "bob",
                place: Start,
                cursor: None,
                kinds: All,
            },
            Fault::None,
        ),
    ])
    .await;
}

/// The specification put a cursor by each ack, whatever it said. A session that says once more what it said before must not
/// give a cursor that it shares the kinds that another session has given it since.
#[tokio::test]
async fn an_ack_that_says_nothing_new_leaves_a_shared_cursor_as_it_is() {
    let connect = |kinds| Connect {
        by: Token("bob"),
        whose: "bob",
        place: Start,
        cursor: Some("a"),
        kinds,
    };
    let ack = |session, much| Ack { session, much };
    holds(vec![
        step(1, connect(All), Fault::None),
        step(2, ack(1, Much::All), Fault::None),
        step(3, connect(Received), Fault::None),
        step(4, ack(3, Much::Half), Fault::None),
        step(5, ack(1, Much::Again), Fault::None),
    ])
    .await;
}

/// The specification took an ack that says nothing new for a sign of life of its cursor, and kept for it what the socket
/// had let go: a cursor that was not moved for the time of the setting holds nothing any more.
#[tokio::test]
async fn an_ack_that_says_nothing_new_does_not_make_retention_wait() {
    let ack = || Ack {
        session: 1,
        much: Much::All,
    };
    let bob = To {
        id: "bob",
        delivered: None,
        read: None,
    };
    holds(vec![
        step(
            1,
            Connect {
                by: Token("bob"),
                whose: "bob",
                place: Start,
                cursor: Some("b"),
                kinds: All,
            },
            Fault::None,
        ),
        step(2, ack(), Fault::None),
        step(
            3,
            Send {
                by: Token("scada"),
                from: "scada",
                name: "Line 2",
                to: vec![bob],
                groups: vec![],
                text: "Breaker open",
                priority: 3,
                key: None,
            },
            Fault::None,
        ),
        step(4, Advance { ms: 2_505_600_000 }, Fault::None),
        step(5, ack(), Fault::None),
        step(
            6,
            Keep {
                ms: 3_600_000,
                cursors_ms: 3_600_000,
            },
            Fault::None,
        ),
    ])
    .await;
}

/// A system's cursor that stood further than its session was not moved by an ack, and then delivered nothing of it: where
/// it had been put for other kinds of events, what the session had stored stayed undelivered.
#[tokio::test]
async fn an_ack_delivers_also_where_the_cursor_stands_further() {
    let send = |text| Send {
        by: Token("scada"),
        from: "scada",
        name: "Line 2",
        to: vec![To {
            id: "oms",
            delivered: None,
            read: None,
        }],
        groups: vec![],
        text,
        priority: 2,
        key: None,
    };
    holds(vec![
        step(1, send("Breaker open"), Fault::None),
        step(2, send("Done"), Fault::None),
        step(
            3,
            PutCursor {
                by: Token("oms"),
                whose: "oms",
                name: "a",
                seq: 2,
                kinds: Read,
                rewind: false,
            },
            Fault::None,
        ),
        step(
            4,
            Connect {
                by: Token("oms"),
                whose: "oms",
                place: After(0),
                cursor: Some("a"),
                kinds: All,
            },
            Fault::None,
        ),
        step(5, Listen { session: 4 }, Fault::None),
        step(
            6,
            Ack {
                session: 4,
                much: Much::Half,
            },
            Fault::None,
        ),
    ])
    .await;
}
