//! What waits, and when it is looked at.

use crewline_api::{ChatId, MessageId};
use crewline_outgoing::{Outgoing, Pace};

use super::*;
use crate::settings::Lives;

const AT: i64 = 1_000_000;

fn settings() -> Settings {
    Settings {
        outgoing: Outgoing::new("push.allowNetworks", Vec::new(), None).unwrap(),
        contact: String::new(),
        after: Duration::from_secs(2),
        emergency_after: Duration::from_millis(500),
        repeat_emergency: Duration::from_mins(1),
        lives: Lives {
            emergency: Duration::from_hours(4),
            sticky: Duration::from_hours(24),
            fleeting: Duration::from_hours(1),
        },
        pace: Pace::default(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(AT + seconds * 1_000)
}

fn take_in(waiting: &mut Waiting, seq: Seq, priority: Priority, now: i64) {
    let named = Named {
        message: MessageId::from_parts(seq, 1),
        chat: ChatId::from_parts(1, 1),
        priority,
    };
    waiting.take_in(seq, named, at(0), at(now), &settings());
    waiting.read_to(seq);
}

fn due(waiting: &Waiting, lane: Lane) -> Option<(Seq, i64)> {
    let wake = waiting.next(lane)?;
    Some((wake.seq, wake.due.as_millis() - AT))
}

fn settle(waiting: &mut Waiting, lane: Lane, now: i64) {
    let wake = waiting.next(lane).unwrap();
    waiting.tried(&wake, Tried::Settled, at(now), &settings());
}

fn places(waiting: &Waiting) -> (Seq, Seq, Seq) {
    let places = waiting.places();
    (places.seq, places.emergencies, places.repeats)
}

#[test]
fn an_emergency_overtakes_what_waits_and_each_queue_has_a_place_of_its_own() {
    let mut waiting = Waiting::new(PushPlaces::at(4));
    take_in(&mut waiting, 5, Priority::Fleeting, 0);
    take_in(&mut waiting, 6, Priority::Emergency, 0);
    take_in(&mut waiting, 7, Priority::Sticky, 0);
    assert_eq!(due(&waiting, Lane::Others), Some((5, 2_000)));
    assert_eq!(due(&waiting, Lane::Emergencies), Some((6, 500)));
    assert_eq!(places(&waiting), (4, 5, 5));
    settle(&mut waiting, Lane::Emergencies, 1);
    assert_eq!(places(&waiting), (4, 7, 5), "it is to be repeated");
    settle(&mut waiting, Lane::Others, 3);
    assert_eq!(places(&waiting), (6, 7, 5));
    settle(&mut waiting, Lane::Others, 3);
    assert_eq!(places(&waiting), (7, 7, 5));
}

#[test]
fn an_emergency_is_repeated_each_minute_ten_times_or_until_it_is_over() {
    let mut waiting = Waiting::new(PushPlaces::at(0));
    take_in(&mut waiting, 1, Priority::Emergency, 0);
    settle(&mut waiting, Lane::Emergencies, 1);
    for minute in 1..=10 {
        assert_eq!(
            due(&waiting, Lane::Emergencies),
            Some((1, minute * 60_000)),
            "{minute}"
        );
        settle(&mut waiting, Lane::Emergencies, minute * 60 + 1);
    }
    assert_eq!(due(&waiting, Lane::Emergencies), None);
    assert_eq!(places(&waiting), (1, 1, 1));

    take_in(&mut waiting, 2, Priority::Emergency, 0);
    settle(&mut waiting, Lane::Emergencies, 1);
    let wake = waiting.next(Lane::Emergencies).unwrap();
    waiting.tried(&wake, Tried::Over, at(60), &settings());
    assert_eq!(due(&waiting, Lane::Emergencies), None);
}

#[test]
fn after_a_restart_nothing_settled_comes_again_and_repeats_go_on_where_they_were() {
    let began = PushPlaces {
        seq: 3,
        emergencies: 2,
        repeats: 0,
    };
    let mut waiting = Waiting::new(began);
    take_in(&mut waiting, 1, Priority::Emergency, 150);
    take_in(&mut waiting, 2, Priority::Emergency, 150);
    take_in(&mut waiting, 3, Priority::Sticky, 150);
    assert_eq!(due(&waiting, Lane::Others), None);
    assert_eq!(due(&waiting, Lane::Emergencies), Some((1, 180_000)));
    take_in(&mut waiting, 4, Priority::Emergency, 150);
    assert_eq!(
        due(&waiting, Lane::Emergencies),
        Some((4, 500)),
        "one that was never pushed is pushed at once"
    );
    assert_eq!(places(&waiting), (4, 3, 0));
}

#[test]
fn what_was_refused_waits_and_those_behind_it_wait_with_it() {
    let mut waiting = Waiting::new(PushPlaces::at(0));
    take_in(&mut waiting, 1, Priority::Sticky, 0);
    take_in(&mut waiting, 2, Priority::Sticky, 0);
    let wake = waiting.next(Lane::Others).unwrap();
    let later = Tried::Later(Duration::from_secs(30));
    waiting.tried(&wake, later, at(3), &settings());
    assert_eq!(due(&waiting, Lane::Others), Some((1, 33_000)));
    assert_eq!(waiting.next(Lane::Others).unwrap().refusals, 1);
    assert_eq!(places(&waiting), (0, 2, 2));
}

#[test]
fn what_is_old_wakes_nobody_and_a_clock_that_was_put_back_silences_nobody() {
    let mut waiting = Waiting::new(PushPlaces::at(0));
    take_in(&mut waiting, 1, Priority::Fleeting, 3_601);
    assert_eq!(due(&waiting, Lane::Others), None);
    take_in(&mut waiting, 2, Priority::Fleeting, -7_200);
    assert_eq!(due(&waiting, Lane::Others), Some((2, -7_198_000)));
}

#[test]
fn of_too_many_the_oldest_go_and_emergencies_are_not_read_on() {
    let mut waiting = Waiting::new(PushPlaces::at(0));
    for seq in 1..=OTHERS_MAX as Seq + 1 {
        take_in(&mut waiting, seq, Priority::Sticky, 0);
    }
    assert_eq!(due(&waiting, Lane::Others), Some((2, 2_000)));
    assert_eq!(waiting.dropped, 1);
    assert!(waiting.has_room());
    for seq in 1_000..1_000 + EMERGENCIES_MAX as Seq {
        take_in(&mut waiting, seq, Priority::Emergency, 0);
    }
    assert!(!waiting.has_room());
}
