//! The storm and what it brings, as data: how strong it is over the day, how much is sent, and what breaks.

/// How strong the storm is at this part of the day; between the points a straight line.
const STRENGTH: [(f64, f64); 9] = [
    (0.00, 0.03),
    (0.12, 0.08),
    (0.30, 0.40),
    (0.46, 0.95),
    (0.52, 1.00),
    (0.62, 0.85),
    (0.76, 0.40),
    (0.90, 0.10),
    (1.00, 0.03),
];

/// The strength of the storm, 0 to 1, when so much of the day has passed (0 to 1).
pub(crate) fn strength(part: f64) -> f64 {
    let (mut before, mut at) = STRENGTH[0];
    for (next, strength) in STRENGTH {
        if part <= next {
            let span = next - before;
            let share = if span > 0.0 {
                (part - before) / span
            } else {
                1.0
            };
            return at + (strength - at) * share.clamp(0.0, 1.0);
        }
        (before, at) = (next, strength);
    }
    at
}

/// What can happen to a crew's device and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection stands, and none can be made.
    Cut,
    /// Everything arrives late.
    Slow,
    /// The connection stands and nothing arrives any more, and nobody is told: half-open.
    HalfOpen,
    /// The device starts again and has kept what it stored.
    Restart,
    /// The device starts again and knows nothing: a new one, in effect.
    Wiped,
    /// The device is switched off, or its crew is in the cellar: silent.
    Off,
}

/// How a day goes: what is sent, what breaks, and how quickly people act. All times are seconds of the story.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tempo {
    /// Messages an hour for forty crews: at rest, and what the full storm adds.
    pub(crate) alarms: (f64, f64),
    pub(crate) orders: (f64, f64),
    pub(crate) notices: (f64, f64),
    pub(crate) calls_of_desks: (f64, f64),
    /// SOS an hour, of all crews together.
    pub(crate) sos: (f64, f64),
    /// Troubles an hour for each crew.
    pub(crate) troubles: (f64, f64),
    pub(crate) kinds: [(Trouble, f64); 6],
    pub(crate) cut: (f64, f64),
    pub(crate) slow: (f64, f64),
    pub(crate) half_open: (f64, f64),
    pub(crate) restart: (f64, f64),
    pub(crate) off: (f64, f64),
    /// From a message on the device until somebody reads it; until it is acknowledged; until it is answered.
    pub(crate) read: (f64, f64),
    pub(crate) acknowledge: (f64, f64),
    pub(crate) reply: (f64, f64),
    /// How many messages are answered.
    pub(crate) answered: f64,
    /// How long after an emergency a desk looks who has not got it.
    pub(crate) look: f64,
    /// Whether the storm grows and ebbs; else it is always half as strong as it gets.
    pub(crate) storm: bool,
}

/// The day of the demo, a second of which are minutes of the story.
pub(crate) const DAY: Tempo = Tempo {
    alarms: (3.0, 45.0),
    orders: (20.0, 150.0),
    notices: (3.0, 6.0),
    calls_of_desks: (8.0, 40.0),
    sos: (0.05, 1.2),
    troubles: (0.15, 1.5),
    kinds: [
        (Trouble::Cut, 5.0),
        (Trouble::Slow, 4.0),
        (Trouble::HalfOpen, 2.0),
        (Trouble::Restart, 2.0),
        (Trouble::Wiped, 0.7),
        (Trouble::Off, 1.5),
    ],
    cut: (300.0, 2_000.0),
    slow: (900.0, 3_600.0),
    half_open: (300.0, 1_500.0),
    restart: (60.0, 300.0),
    off: (1_200.0, 4_800.0),
    read: (30.0, 900.0),
    acknowledge: (20.0, 300.0),
    reply: (60.0, 900.0),
    answered: 0.2,
    look: 600.0,
    storm: true,
};

/// The steady load of the soak: about 40 messages a second, told in seconds as they are.
pub(crate) const STEADY: Tempo = Tempo {
    alarms: (2_400.0, 0.0),
    orders: (90_000.0, 0.0),
    notices: (600.0, 0.0),
    calls_of_desks: (36_000.0, 0.0),
    sos: (30.0, 0.0),
    troubles: (40.0, 0.0),
    kinds: [
        (Trouble::Cut, 10.0),
        (Trouble::Slow, 6.0),
        (Trouble::HalfOpen, 3.0),
        (Trouble::Restart, 8.0),
        (Trouble::Wiped, 0.4),
        (Trouble::Off, 3.0),
    ],
    cut: (1.0, 12.0),
    slow: (5.0, 40.0),
    half_open: (3.0, 15.0),
    restart: (0.5, 3.0),
    off: (5.0, 60.0),
    read: (0.2, 4.0),
    acknowledge: (0.1, 2.0),
    reply: (0.5, 5.0),
    answered: 0.08,
    look: 5.0,
    storm: false,
};

impl Tempo {
    /// The strength of the storm when so much of the day has passed.
    pub(crate) fn strength(&self, part: f64) -> f64 {
        if self.storm { strength(part) } else { 0.5 }
    }

    /// How long a trouble of this kind may last.
    pub(crate) fn span(&self, trouble: Trouble) -> (f64, f64) {
        match trouble {
            Trouble::Cut => self.cut,
            Trouble::Slow => self.slow,
            Trouble::HalfOpen => self.half_open,
            Trouble::Restart | Trouble::Wiped => self.restart,
            Trouble::Off => self.off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storm_builds_up_peaks_and_ebbs() {
        let day: Vec<f64> = (0..=100)
            .map(|at| strength(f64::from(at) / 100.0))
            .collect();
        let peak = day.iter().copied().fold(0.0, f64::max);
        assert!((peak - 1.0).abs() < 1e-9);
        let at = day.iter().position(|strength| *strength >= peak).unwrap();
        assert!(day[..=at].is_sorted(), "it grows until its peak");
        assert!(day[at..].iter().rev().is_sorted(), "and then it ebbs");
        assert!(day[0] < 0.1 && day[100] < 0.1 && strength(2.0) < 0.1);
    }
}
