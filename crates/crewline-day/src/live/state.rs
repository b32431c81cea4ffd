//! The state of the day as the live view shows it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use crate::cast::{Cast, Who};
use crate::clock::time_of_day;
use crate::day::Phase;
use crate::ledger::{Counts, Spread, State, spread};
use crate::report::Report;
use crate::script::Script;
use crate::world::{News, World};

/// Latencies of so long are one point of the line.
const WINDOW_MS: u64 = 5_000;
const POINTS: usize = 300;
const POINT_EVERY_MS: u64 = 1_000;
const WAITING_SHOWN: usize = 14;
const NEWS_SHOWN: usize = 14;
const CURVE: usize = 120;

/// Latencies, as they come: the last seconds for the line, and those since the last sample of the soak.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    window: VecDeque<(u64, u64)>,
    fresh: Vec<u64>,
    points: VecDeque<Point>,
    last_point_ms: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Point {
    p50: u64,
    p99: u64,
}

impl Pulse {
    /// Takes what the ledger has since.
    pub(crate) fn beat(&mut self, world: &World) {
        let now = world.clock.ms();
        let recent = std::mem::take(&mut world.ledger().recent);
        for (at, state, latency) in recent {
            if state == State::Delivered {
                self.window.push_back((at, latency));
                self.fresh.push(latency);
            }
        }
        while self
            .window
            .front()
            .is_some_and(|(at, _)| at + WINDOW_MS < now)
        {
            self.window.pop_front();
        }
        if now >= self.last_point_ms + POINT_EVERY_MS {
            self.last_point_ms = now;
            let Spread { p50, p99, .. } = self.now();
            if self.points.len() == POINTS {
                self.points.pop_front();
            }
            self.points.push_back(Point { p50, p99 });
        }
    }

    fn now(&self) -> Spread {
        spread(self.window.iter().map(|(_, latency)| *latency).collect())
    }

    /// Those since this was asked last.
    pub(crate) fn since_last(&mut self) -> Spread {
        spread(std::mem::take(&mut self.fresh))
    }
}

/// How a visitor comes into the real app.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SignIn {
    pub(crate) what: &'static str,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What stays the same all day.
pub(crate) struct View {
    pub(crate) script: Script,
    pub(crate) speed: f64,
    pub(crate) app: String,
    pub(crate) sign_ins: Vec<SignIn>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    phase: Phase,
    time: String,
    /// How much of the story is over, 0 to 1.
    part: f64,
    strength: f64,
    curve: Vec<f64>,
    speed: f64,
    seed: u64,
    app: &'a str,
    sign_ins: &'a [SignIn],
    counts: Counts,
    now: Spread,
    points: &'a VecDeque<Point>,
    crews: Vec<Tile<'a>>,
    desks: Vec<Tile<'a>>,
    waiting: Vec<Waiting<'a>>,
    news: Vec<News>,
    report: Option<&'a Report>,
}

/// A player, as a tile.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tile<'a> {
    name: &'a str,
    area: &'static str,
    is_up: bool,
    is_off: bool,
    /// Not got yet.
    waiting: usize,
    /// Not said yet.
    outbox: usize,
    /// Real seconds since anything was heard.
    heard_s: u64,
    emergencies: usize,
    is_sos: bool,
}

/// A message that somebody has not got.
#[derive(Serialize)]
struct Waiting<'a> {
    who: &'a str,
    message: String,
    priority: u8,
    since_s: u64,
}

impl View {
    /// The state now, as JSON.
    pub(crate) fn state(
        &self,
        world: &World,
        phase: Phase,
        pulse: &Pulse,
        report: Option<&Report>,
    ) -> String {
        let story_s = world.clock.story_s().min(self.script.length_s);
        let length = self.script.length_s.max(1.0);
        // By itself: a lock in the midst of what follows would be held until its end.
        let counts = world.ledger().counts.clone();
        let shown = Shown {
            phase,
            time: time_of_day(story_s),
            part: story_s / length,
            strength: self.script.strength(story_s),
            curve: (0..=CURVE)
                .map(|at| self.script.strength(length * at as f64 / CURVE as f64))
                .collect(),
            speed: self.speed,
            seed: self.script.seed,
            app: &self.app,
            sign_ins: &self.sign_ins,
            counts,
            now: pulse.now(),
            points: &pulse.points,
            crews: world.cast.crews().map(|who| tile(world, who)).collect(),
            desks: crate::cast::DESKS
                .into_iter()
                .map(|who| tile(world, who))
                .collect(),
            waiting: waiting(world),
            news: world.latest_news(NEWS_SHOWN),
            report,
        };
        serde_json::to_string(&shown).unwrap_or_default()
    }
}

fn tile(world: &World, who: Who) -> Tile<'_> {
    let status = world.status(who);
    let is_off = status.is_off.load(Relaxed);
    Tile {
        name: world.cast.name(who),
        area: if Cast::is_crew(who) {
            Cast::area_name(Cast::area_of(who))
        } else {
            "desk"
        },
        is_up: !is_off && world.line(who).is_none_or(crate::line::Line::is_up),
        is_off,
        waiting: world.ledger().waiting_of(who),
        outbox: status.outbox.load(Relaxed),
        heard_s: world
            .clock
            .ms()
            .saturating_sub(status.heard_ms.load(Relaxed))
            / 1_000,
        emergencies: status.emergencies.load(Relaxed),
        is_sos: status.sos_ms.load(Relaxed) > 0,
    }
}

fn waiting(world: &World) -> Vec<Waiting<'_>> {
    let now = world.clock.ms();
    let ledger = world.ledger();
    let oldest = ledger.oldest_waiting(WAITING_SHOWN).into_iter();
    let shown = oldest.filter_map(|(since, id, who)| {
        let letter = ledger.letter(id)?;
        Some(Waiting {
            who: world.cast.name(who),
            message: format!("#{:05}", letter.reference),
            priority: letter.sending?.priority.number(),
            since_s: now.saturating_sub(since) / 1_000,
        })
    });
    shown.collect()
}
