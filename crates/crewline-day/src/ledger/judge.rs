//! What the two ends say when they are put together: what was lost, what came twice, what came wrong, and how long it took.

use serde::Serialize;

use super::{Copy, Ledger, Letter, State, has_good_line};
use crate::cast::Cast;

const SILENT_MS: u64 = 10_000;

/// What is wrong. A day is well when all of it is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Faults {
    /// Accepted, and never on a device of a recipient.
    pub(crate) lost: u64,
    /// Delivered, read or acknowledged by the recipient, and the sender was never told.
    pub(crate) receipts_lost: u64,
    /// On the same device twice, or sent twice.
    pub(crate) twice: u64,
    /// Told to the sender twice.
    pub(crate) receipts_twice: u64,
    /// Told to the sender, and no recipient has it or has said so.
    pub(crate) untrue: u64,
    /// A payload that came back otherwise than it was given, or not at all.
    pub(crate) payloads_wrong: u64,
    /// A text that came otherwise than it was sent.
    pub(crate) texts_wrong: u64,
    /// Read told before delivered, or acknowledged before read.
    pub(crate) out_of_order: u64,
    /// Numbers of a log that were skipped.
    pub(crate) gaps: u64,
    /// Refused for good, though it was right.
    pub(crate) refused: u64,
}

impl Faults {
    pub(crate) fn is_well(&self) -> bool {
        *self == Self::default()
    }
}

/// How long something took: how many there are, the middle one, and the one that 99 of 100 are below. In milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// Of times in milliseconds.
pub(crate) fn spread(mut times: Vec<u64>) -> Spread {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share).ceil() as usize;
        times.get(place.max(1) - 1).copied().unwrap_or_default()
    };
    Spread {
        count: times.len() as u64,
        p50: at(0.5),
        p99: at(0.99),
        max: times.last().copied().unwrap_or_default(),
    }
}

/// The day, judged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Judgement {
    pub(crate) faults: Faults,
    /// Sent and answered; recipients of these.
    pub(crate) accepted: u64,
    pub(crate) copies: u64,
    /// Not answered when the day was over, or forgotten by their device: nobody can say whether they arrived.
    pub(crate) unanswered: u64,
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    pub(crate) acknowledged: u64,
    pub(crate) payloads: u64,
    /// From the send to its answer; senders with good lines.
    pub(crate) accepted_after: Spread,
    /// From the send until its sender was told: to recipients who were connected all the while.
    pub(crate) delivered_after: Spread,
    /// The same, of all recipients: those without contact, too.
    pub(crate) delivered_after_all: Spread,
    /// From the moment in which somebody has read it until its sender was told.
    pub(crate) read_after: Spread,
    pub(crate) acknowledged_after: Spread,
    /// Recipients who were silent for longer than ten seconds: no device of theirs had it.
    pub(crate) silent: u64,
    /// Emergencies with somebody who has not acknowledged them.
    pub(crate) emergencies_open: u64,
}

#[derive(Default)]
struct Times {
    accepted: Vec<u64>,
    delivered: Vec<u64>,
    delivered_all: Vec<u64>,
    said: [Vec<u64>; 3],
}

impl Ledger {
    /// Puts the two ends together.
    pub(crate) fn judge(&self) -> Judgement {
        let mut faults = Faults {
            texts_wrong: self.counts.texts_wrong,
            twice: self.doubles.len() as u64,
            gaps: self.counts.gaps,
            refused: self.counts.refused,
            ..Faults::default()
        };
        let mut times = Times::default();
        let mut judgement = Judgement {
            faults: Faults::default(),
            accepted: self.counts.accepted,
            copies: 0,
            unanswered: self.counts.sent - self.counts.accepted,
            delivered: self.counts.delivered,
            read: self.counts.read,
            acknowledged: self.counts.acknowledged,
            payloads: 0,
            accepted_after: Spread::default(),
            delivered_after: Spread::default(),
            delivered_after_all: Spread::default(),
            read_after: Spread::default(),
            acknowledged_after: Spread::default(),
            silent: 0,
            emergencies_open: 0,
        };
        for letter in self.letters.values() {
            measure(letter, &mut times);
            let is_answered = letter.answered_ms.is_some();
            let mut is_open = false;
            for copy in &letter.copies {
                judgement.copies += u64::from(is_answered && copy.is_addressed);
                judgement.payloads += payloads(letter, copy);
                judgement.silent += u64::from(is_silent(letter, copy));
                faults_of(letter, copy, &mut faults);
                is_open |= copy.who != crate::cast::SCADA && copy.at(State::Acknowledged).told == 0;
            }
            let is_emergency = letter
                .sending
                .is_some_and(|sending| sending.priority.number() == 1);
            judgement.emergencies_open += u64::from(is_answered && is_emergency && is_open);
        }
        judgement.faults = faults;
        let [_, read, acknowledged] = times.said;
        judgement.accepted_after = spread(times.accepted);
        judgement.delivered_after = spread(times.delivered);
        judgement.delivered_after_all = spread(times.delivered_all);
        judgement.read_after = spread(read);
        judgement.acknowledged_after = spread(acknowledged);
        judgement
    }

    /// Whether something that must come has not come yet.
    pub(crate) fn is_settled(&self) -> bool {
        let mut faults = Faults::default();
        for letter in self.letters.values() {
            for copy in &letter.copies {
                faults_of(letter, copy, &mut faults);
            }
        }
        faults.lost == 0 && faults.receipts_lost == 0
    }
}

fn measure(letter: &Letter, times: &mut Times) {
    let Some(sending) = letter.sending else {
        return;
    };
    let since = |told: Option<u64>, from: u64| told.map(|told| told.saturating_sub(from));
    let good = has_good_line(sending.sender);
    if good {
        times
            .accepted
            .extend(since(letter.answered_ms, sending.begun_ms));
    }
    for copy in &letter.copies {
        let delivered = copy.at(State::Delivered);
        if let Some(after) = since(delivered.told_ms, sending.begun_ms)
            && good
        {
            times.delivered_all.push(after);
            if delivered.is_clean {
                times.delivered.push(after);
            }
        }
        for state in [State::Read, State::Acknowledged] {
            let stage = copy.at(state);
            if let (Some(said), Some(told)) = (stage.said_ms, stage.told_ms)
                && good
            {
                times.said[state as usize].push(told.saturating_sub(said));
            }
        }
    }
}

/// Whether a recipient was silent for longer than the desk takes for usual.
fn is_silent(letter: &Letter, copy: &Copy) -> bool {
    let Some(answered) = letter.answered_ms.filter(|_| copy.is_addressed) else {
        return false;
    };
    copy.received_ms
        .is_none_or(|received| received > answered + SILENT_MS)
}

/// How many payloads came back with this copy.
fn payloads(letter: &Letter, copy: &Copy) -> u64 {
    let has = letter
        .sending
        .is_some_and(|sending| sending.payloads.is_some());
    let told = [State::Delivered, State::Read].map(|state| u64::from(copy.at(state).told));
    if has { told.iter().sum() } else { 0 }
}

fn faults_of(letter: &Letter, copy: &Copy, faults: &mut Faults) {
    let is_received = copy.received_ms.is_some();
    faults.lost += u64::from(letter.answered_ms.is_some() && copy.is_addressed && !is_received);
    faults.twice += u64::from(copy.again);
    faults.out_of_order += u64::from(copy.is_out_of_order);
    let is_visited = Cast::is_open_to_visitors(copy.who);
    for state in State::ALL {
        let stage = copy.at(state);
        // To have it is to have said delivered: the device confirms all that it stores.
        let (is_said, is_meant) = match state {
            State::Delivered => (is_received, is_received),
            State::Read | State::Acknowledged => (stage.said_ms.is_some(), stage.is_confirmed),
        };
        faults.receipts_lost += u64::from(is_meant && stage.told == 0);
        faults.receipts_twice += u64::from(stage.told.saturating_sub(1));
        faults.untrue += u64::from(stage.told > 0 && !is_said && !is_visited);
        faults.payloads_wrong += u64::from(stage.payload_is_wrong);
    }
}

#[cfg(test)]
mod tests {
    use crewline_client::api::{
        ChatId, MessageId, Priority, ReceiptState, SentMessage, SentRecipient, Timestamp,
    };

    use super::*;
    use crate::cast::{FIRST_CREW, SCADA, Who};
    use crate::ledger::{ForWhom, Told, text_of};

    const CREW: Who = FIRST_CREW + 1;
    const TOLD: Told = Told {
        payload_is_right: true,
        up_since: Some(0),
    };

    struct Play {
        cast: Cast,
        ledger: Ledger,
        id: MessageId,
        text: String,
    }

    impl Play {
        /// One message to one crew, answered.
        fn one() -> Self {
            let cast = Cast::new(4, "").unwrap();
            let mut ledger = Ledger::new(&cast);
            let reference = ledger.begin(SCADA, Priority::Sticky, Some(ForWhom::Each), 100);
            let mut play = Self {
                cast,
                ledger,
                id: MessageId::from_parts(1, 1),
                text: text_of(reference, "Open 44."),
            };
            play.answer(play.id);
            play
        }

        fn answer(&mut self, id: MessageId) {
            let sent = SentMessage {
                message_id: id,
                chat_id: ChatId::from_parts(1, 1),
                position: 1,
                sent_at: Timestamp::from_millis(0),
                recipients: vec![SentRecipient {
                    user_id: self.cast.id(CREW).clone(),
                    state: ReceiptState::Accepted,
                }],
            };
            self.ledger.answered(&self.cast, &self.text, &sent, 110);
        }

        fn receive(&mut self) {
            self.ledger.received(CREW, self.id, &self.text, false, 120);
        }

        fn tell(&mut self, state: State) {
            self.ledger.told(CREW, self.id, state, TOLD, 130);
        }

        fn faults(&self) -> Faults {
            self.ledger.judge().faults
        }
    }

    #[test]
    fn a_message_that_came_was_read_and_told_once_each_is_well() {
        let mut play = Play::one();
        play.receive();
        play.tell(State::Delivered);
        play.ledger.said(CREW, play.id, State::Read, 150);
        play.ledger.confirmed(CREW, play.id, State::Read);
        play.ledger.told(CREW, play.id, State::Read, TOLD, 157);
        let judgement = play.ledger.judge();
        assert!(
            judgement.faults.is_well() && play.ledger.is_settled(),
            "{judgement:?}"
        );
        assert_eq!(
            (
                judgement.accepted_after.p50,
                judgement.delivered_after.p50,
                judgement.read_after.p50
            ),
            (10, 30, 7)
        );
        assert_eq!(judgement.payloads, 2);
    }

    #[test]
    fn what_never_came_is_lost_and_so_is_a_receipt_of_which_nobody_was_told() {
        let mut play = Play::one();
        assert_eq!(
            play.faults(),
            Faults {
                lost: 1,
                ..Faults::default()
            }
        );
        assert_eq!(play.ledger.waiting_of(CREW), 1);
        play.receive();
        assert_eq!(
            play.faults(),
            Faults {
                receipts_lost: 1,
                ..Faults::default()
            }
        );
        assert_eq!(play.ledger.waiting_of(CREW), 0);
        play.tell(State::Delivered);
        play.ledger.said(CREW, play.id, State::Read, 150);
        assert!(play.faults().is_well(), "what was not answered may be lost");
        play.ledger.confirmed(CREW, play.id, State::Read);
        assert_eq!(
            play.faults(),
            Faults {
                receipts_lost: 1,
                ..Faults::default()
            }
        );
    }

    #[test]
    fn a_second_copy_on_one_device_and_a_second_id_of_one_send_are_twice() {
        let mut play = Play::one();
        play.receive();
        play.tell(State::Delivered);
        play.ledger
            .received(CREW, play.id, &play.text.clone(), true, 125);
        assert_eq!(
            play.faults(),
            Faults {
                twice: 1,
                ..Faults::default()
            }
        );
        play.ledger.received(
            CREW,
            MessageId::from_parts(2, 2),
            &play.text.clone(),
            false,
            125,
        );
        play.ledger.told(
            CREW,
            MessageId::from_parts(2, 2),
            State::Delivered,
            TOLD,
            130,
        );
        assert_eq!(play.faults().twice, 2);
    }

    #[test]
    fn what_is_told_and_not_so_is_untrue_unless_a_visitor_may_have_done_it() {
        let mut play = Play::one();
        play.tell(State::Delivered);
        assert_eq!(
            play.faults(),
            Faults {
                untrue: 1,
                lost: 1,
                ..Faults::default()
            }
        );
        play.receive();
        play.tell(State::Read);
        assert_eq!(
            play.faults(),
            Faults {
                untrue: 1,
                ..Faults::default()
            }
        );
        let visited = Play::one();
        let mut ledger = visited.ledger;
        ledger.told(FIRST_CREW, visited.id, State::Read, TOLD, 130);
        assert_eq!(ledger.judge().faults.untrue, 0);
    }

    #[test]
    fn receipts_that_come_twice_in_the_wrong_order_or_with_a_wrong_payload_are_told_apart() {
        let mut play = Play::one();
        play.receive();
        play.ledger.said(CREW, play.id, State::Read, 120);
        play.tell(State::Read);
        play.tell(State::Delivered);
        play.tell(State::Delivered);
        play.ledger.told(
            CREW,
            play.id,
            State::Read,
            Told {
                payload_is_right: false,
                ..TOLD
            },
            131,
        );
        let expected = Faults {
            out_of_order: 1,
            receipts_twice: 2,
            payloads_wrong: 1,
            ..Faults::default()
        };
        assert_eq!(play.faults(), expected);
    }

    #[test]
    fn a_text_that_came_otherwise_than_it_was_sent_is_a_fault_and_one_of_a_visitor_is_none() {
        let mut play = Play::one();
        let wrong = format!("{}!", play.text);
        play.ledger.received(CREW, play.id, &wrong, false, 120);
        play.tell(State::Delivered);
        play.ledger
            .received(CREW, MessageId::from_parts(9, 9), "Hello", false, 120);
        assert_eq!(
            play.faults(),
            Faults {
                texts_wrong: 1,
                ..Faults::default()
            }
        );
        assert_eq!(play.ledger.counts.of_others, 1);
    }

    #[test]
    fn what_waited_in_an_outbox_is_measured_from_its_first_try() {
        let cast = Cast::new(4, "").unwrap();
        let mut ledger = Ledger::new(&cast);
        let reference = ledger.begin(SCADA, Priority::Sticky, None, 10);
        let text = text_of(reference, "Open 44.");
        ledger.tried(&text, 100);
        ledger.tried(&text, 105);
        let id = MessageId::from_parts(1, 1);
        let mut play = Play {
            cast,
            ledger,
            id,
            text,
        };
        play.answer(id);
        assert_eq!(play.ledger.judge().accepted_after.p50, 10);
    }

    #[test]
    fn only_senders_with_good_lines_are_shown_with_how_long_it_took() {
        let mut play = Play::one();
        play.receive();
        play.tell(State::Delivered);
        assert_eq!(play.ledger.recent, [(130, State::Delivered, 30)]);
        let reference = play.ledger.begin(CREW, Priority::Sticky, None, 100);
        let (id, text) = (MessageId::from_parts(2, 2), text_of(reference, "Done."));
        play.ledger.received(SCADA, id, &text, false, 120);
        play.ledger.told(SCADA, id, State::Delivered, TOLD, 9_000);
        assert_eq!(play.ledger.recent.len(), 1);
    }

    #[test]
    fn the_middle_and_the_99th_of_a_hundred() {
        let expected = Spread {
            count: 100,
            p50: 50,
            p99: 99,
            max: 100,
        };
        assert_eq!(spread((1..=100).rev().collect()), expected);
        assert_eq!(spread(Vec::new()), Spread::default());
        assert_eq!(
            spread(vec![7]),
            Spread {
                count: 1,
                p50: 7,
                p99: 7,
                max: 7
            }
        );
    }
}
