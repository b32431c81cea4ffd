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
