//! The script of the day: what is sent and what breaks, minute by minute, drawn from a seed. It knows no clock and no server.

use crewline_client::api::Priority;

use crate::cast::{Cast, DESKS, FIRST_CREW, Who};
use crate::dice::Dice;
use crate::storm::{Tempo, Trouble};

/// A minute of the story.
const MINUTE_S: f64 = 60.0;
/// Rates are told for so many crews.
const CREWS: f64 = 40.0;

/// To whom the control system writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// An area's crews and the desks, by their groups.
    Area(usize),
    /// These, each by name and with payloads.
    Crews(Vec<Who>),
}

/// What happens at a moment of the story.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// The control system sends.
    Send {
        to: To,
        priority: Priority,
        text: &'static str,
    },
    /// A desk sends to crews.
    Call {
        desk: Who,
        to: Vec<Who>,
        priority: Priority,
        text: &'static str,
    },
    /// A crew is in trouble.
    Sos { crew: Who },
    /// A device or its connection fails, for so many seconds of the story. Whoever is slow is so by `late_ms`, of real time.
    Fail {
        crew: Who,
        trouble: Trouble,
        for_s: f64,
        late_ms: u64,
    },
}

/// An act, and when it is due in seconds of the story.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) at_s: f64,
    pub(crate) act: Act,
}

/// The script.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) tempo: Tempo,
    pub(crate) length_s: f64,
    pub(crate) crews: usize,
    pub(crate) areas: usize,
}

const ALARMS: [&str; 6] = [
    "Breaker 1204 has tripped on overcurrent. Feeder 7 is dead from pole 31 on.",
    "Earth fault on line 12. Stay clear of the line until it is earthed.",
    "Transformer 3 at Ostwerk: temperature 104 °C. Do not approach.",
    "Tree on line 7 near pole 118. The line is energised.",
    "Substation Mitte has lost its auxiliary supply.",
    "Wind of 118 km/h expected within the hour. Leave masts and buckets.",
];
const ORDERS: [&str; 5] = [
    "Open disconnector 44 and earth it. Report when done.",
    "Close switch 18 at the ring main. Report the current.",
    "Go to pole 31, inspect the span to pole 38.",
    "Replace the fuse at the transformer in Mill Lane.",
    "Set the section point at Northgate back to normal.",
];
const NOTICES: [&str; 3] = [
    "The mobile substation is at the depot, ready to move.",
    "Road B27 is closed between the river and the depot.",
    "Shift change is one hour later today.",
];
const CALLS: [&str; 4] = [
    "Where are you, and how long do you need?",
    "Please call the hospital's technician before you switch.",
    "Can you take the fault at the pumping station next?",
    "Thank you. Rest for an hour before the next job.",
];

impl Script {
    /// Everything that happens in a minute of the story, in order.
    pub(crate) fn minute(&self, minute: u64) -> Vec<Step> {
        let mut dice = Dice::of(self.seed, 1, minute);
        let from_s = minute as f64 * MINUTE_S;
        let strength = self.strength(from_s);
        let share = self.crews as f64 / CREWS;
        let mut acts = Vec::new();
        let mut draw = |dice: &mut Dice,
                        (rest, storm): (f64, f64),
                        share: f64,
                        make: &dyn Fn(&mut Dice) -> Act| {
            let an_hour = (rest + storm * strength) * share;
            for _ in 0..dice.count(an_hour / 60.0) {
                let at_s = from_s + dice.share() * MINUTE_S;
                let act = make(dice);
                acts.push(Step { at_s, act });
            }
        };
        draw(&mut dice, self.tempo.alarms, share, &|dice| {
            self.alarm(dice)
        });
        draw(&mut dice, self.tempo.orders, share, &|dice| {
            self.order(dice)
        });
        draw(&mut dice, self.tempo.notices, share, &|dice| {
            self.notice(dice)
        });
        draw(&mut dice, self.tempo.calls_of_desks, share, &|dice| {
            self.call(dice)
        });
        draw(&mut dice, self.tempo.sos, share, &|dice| Act::Sos {
            crew: self.crew(dice),
        });
        draw(&mut dice, self.tempo.troubles, self.crews as f64, &|dice| {
            self.trouble(dice)
        });
        acts.retain(|step| step.at_s < self.length_s);
        acts.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        acts
    }

    fn crew(&self, dice: &mut Dice) -> Who {
        FIRST_CREW + dice.below(self.crews) as Who
    }

    fn alarm(&self, dice: &mut Dice) -> Act {
        let priority = dice.weighted(&[(Priority::Emergency, 1.0), (Priority::Sticky, 5.0)]);
        let to = To::Area(dice.below(self.areas));
        Act::Send {
            to,
            priority,
            text: dice.text(&ALARMS),
        }
    }

    fn order(&self, dice: &mut Dice) -> Act {
        let priority = dice.weighted(&[(Priority::Sticky, 5.0), (Priority::Fleeting, 3.0)]);
        let mut crews = vec![self.crew(dice)];
        if dice.chance(0.1) {
            crews.push(self.crew(dice));
            crews.dedup();
        }
        Act::Send {
            to: To::Crews(crews),
            priority,
            text: dice.text(&ORDERS),
        }
    }

    fn notice(&self, dice: &mut Dice) -> Act {
        let to = To::Area(dice.below(self.areas));
        Act::Send {
            to,
            priority: Priority::Fleeting,
            text: dice.text(&NOTICES),
        }
    }

    fn call(&self, dice: &mut Dice) -> Act {
        let desk = *dice.pick(&DESKS);
        let priority = dice.weighted(&[
            (Priority::Fleeting, 6.0),
            (Priority::Sticky, 3.0),
            (Priority::Emergency, 0.5),
        ]);
        Act::Call {
            desk,
            to: vec![self.crew(dice)],
            priority,
            text: dice.text(&CALLS),
        }
    }

    fn trouble(&self, dice: &mut Dice) -> Act {
        let trouble = dice.weighted(&self.tempo.kinds);
        Act::Fail {
            crew: self.crew(dice),
            trouble,
            for_s: dice.between(self.tempo.span(trouble)),
            late_ms: 60 + dice.below(700) as u64,
        }
    }

    /// The strength of the storm at a moment of the story.
    pub(crate) fn strength(&self, at_s: f64) -> f64 {
        self.tempo.strength(at_s / self.length_s.max(1.0))
    }
}

impl Script {
    pub(crate) fn new(seed: u64, tempo: &Tempo, length_s: f64, cast: &Cast) -> Self {
        Self {
            seed,
            tempo: *tempo,
            length_s,
            crews: cast.crew_count(),
            areas: cast.areas(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storm::{DAY, STEADY};

    fn script(seed: u64, tempo: &Tempo) -> Script {
        Script::new(seed, tempo, 12.0 * 3_600.0, &Cast::new(40, "").unwrap())
    }

    fn whole(script: &Script) -> Vec<Step> {
        (0..720).flat_map(|minute| script.minute(minute)).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_day_and_another_is_another() {
        assert_eq!(whole(&script(7, &DAY)), whole(&script(7, &DAY)));
        assert_ne!(whole(&script(7, &DAY)), whole(&script(8, &DAY)));
    }

    #[test]
    fn most_is_sent_and_most_breaks_while_the_storm_is_strongest() {
        let day = whole(&script(7, &DAY));
        assert!(day.is_sorted_by(|one, other| one.at_s <= other.at_s));
        let in_hours = |from: f64, to: f64| {
            day.iter()
                .filter(|step| (from..to).contains(&(step.at_s / 3_600.0)))
                .count()
        };
        let peak = in_hours(5.5, 7.0);
        assert!(peak > 4 * in_hours(0.0, 1.5) && peak > 4 * in_hours(10.5, 12.0));
    }

    #[test]
    fn every_kind_of_act_and_of_trouble_and_every_priority_is_played() {
        let day = whole(&script(7, &DAY));
        for trouble in DAY.kinds.map(|(trouble, _)| trouble) {
            assert!(
                day.iter().any(
                    |step| matches!(step.act, Act::Fail { trouble: met, .. } if met == trouble)
                ),
                "{trouble:?}"
            );
        }
        for priority in [Priority::Emergency, Priority::Fleeting, Priority::Sticky] {
            assert!(day.iter().any(
                |step| matches!(step.act, Act::Send { priority: met, .. } if met == priority)
            ));
        }
        assert!(day.iter().any(|step| matches!(step.act, Act::Sos { .. })));
        assert!(day.iter().any(|step| matches!(step.act, Act::Call { .. })));
    }

    #[test]
    fn the_soak_sends_about_forty_messages_a_second_from_the_first_minute_to_the_last() {
        let script = script(7, &STEADY);
        for minute in [0, 300, 719] {
            let sends = script
                .minute(minute)
                .iter()
                .filter(|step| !matches!(step.act, Act::Fail { .. }))
                .count();
            assert!((1_900..2_500).contains(&sends), "{sends}");
        }
    }
}
