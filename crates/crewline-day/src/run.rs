//! From the arguments to the report: puts the stage, the players, the live view and the soak together.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::arguments::{Arguments, Common, Soak, What};
use crate::cast::{Cast, DESKS, FIRST_CREW};
use crate::clock::Clock;
use crate::day::{Day, Phase};
use crate::dice::Dice;
use crate::line::Line;
use crate::live::{Pulse, SignIn, View, serve};
use crate::report::Report;
use crate::script::Script;
use crate::soak::{EVERY, Log, Probe, Sample, judge};
use crate::stage::Stage;
use crate::storm::{DAY, STEADY};
use crate::style::{Style, grouped};
use crate::world::World;

/// How long the day takes, where nobody says how quickly it goes.
const PLEASANT_S: f64 = 300.0;
const BEAT: Duration = Duration::from_millis(500);

/// What is played.
struct Plan {
    script: Script,
    speed: f64,
}

/// Plays; whether all is well.
pub(crate) async fn run(arguments: &Arguments) -> Result<bool, String> {
    let common = &arguments.common;
    let soak = arguments.command.as_ref().map(|What::Soak(soak)| soak);
    let prefix = if common.server.is_some() {
        format!("day-{:06x}-", by_chance()? & 0xff_ffff)
    } else {
        String::new()
    };
    let cast = Cast::new(common.crews, &prefix)?;
    let seed = match common.seed {
        Some(seed) => seed,
        None => by_chance()? % 1_000_000,
    };
    let plan = plan(arguments, soak, seed, &cast)?;
    let stop = stop_by_signal()?;
    println!("The day is drawn from seed {seed}: the same is drawn by --seed {seed}");
    let mut stage = stage(common, &cast).await?;
    let world = world(cast, &plan, seed, &stage).await?;
    let outcome = play(arguments, soak, &plan, &world, &mut stage, stop).await;
    let stopped = stage.stop().await;
    let is_well = outcome?;
    stopped?;
    Ok(is_well)
}

fn plan(
    arguments: &Arguments,
    soak: Option<&Soak>,
    seed: u64,
    cast: &Cast,
) -> Result<Plan, String> {
    let (tempo, length_s, speed) = if let Some(soak) = soak {
        (&STEADY, soak.length_s(), 1.0)
    } else {
        let length_s = arguments.hours * 3_600.0;
        let speed = arguments.speed.unwrap_or(length_s / PLEASANT_S);
        (&DAY, length_s, speed)
    };
    if !(length_s > 0.0 && length_s < 1e9 && speed > 0.0 && speed.is_finite()) {
        return Err("the day takes some time: hours, minutes and speed are more than 0".to_owned());
    }
    Ok(Plan {
        script: Script::new(seed, tempo, length_s, cast),
        speed,
    })
}

async fn stage(common: &Common, cast: &Cast) -> Result<Stage, String> {
    if let Some(url) = &common.server {
        let token = std::env::var("CREWLINE_TOKEN")
            .map_err(|_| "CREWLINE_TOKEN holds no token of the administration")?;
        return Stage::foreign(url, &token, cast).await;
    }
    let beside = || {
        let here =
            std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
        Ok::<_, String>(here.with_file_name("crewline"))
    };
    let crewline = match &common.crewline {
        Some(path) => path.clone(),
        None => beside()?,
    };
    let crewline = crewline
        .canonicalize()
        .map_err(|error| format!("there is no {}: {error}", crewline.display()))?;
    let below = common.folder.clone().unwrap_or_else(std::env::temp_dir);
    Stage::own(&crewline, &below, cast).await
}

async fn world(cast: Cast, plan: &Plan, seed: u64, stage: &Stage) -> Result<Arc<World>, String> {
    let clock = Clock::new(Instant::now(), plan.speed);
    let mut lines = vec![None; usize::from(FIRST_CREW)];
    for _ in cast.crews() {
        let line = Line::before(stage.server, clock.clone())
            .await
            .map_err(|error| format!("no port for a line: {error}"))?;
        lines.push(Some(line));
    }
    Ok(Arc::new(World::new(
        cast,
        clock,
        seed,
        &plan.script.tempo,
        stage.server,
        lines,
    )))
}

/// The live view, and whoever looks at the server.
struct Watch {
    world: Arc<World>,
    view: View,
    pulse: Pulse,
    states: watch::Sender<Arc<str>>,
    soak: Option<Soaking>,
}

struct Soaking {
    probe: Probe,
    log: Log,
    samples: Vec<Sample>,
    next: Instant,
    accepted: u64,
}

async fn play(
    arguments: &Arguments,
    soak: Option<&Soak>,
    plan: &Plan,
    world: &Arc<World>,
    stage: &mut Stage,
    mut stop: watch::Receiver<bool>,
) -> Result<bool, String> {
    let style = Style::of_output();
    let mut watch = watching(soak, plan, world, stage)?;
    let view = serve(arguments.common.view, watch.states.subscribe()).await?;
    println!("{}", welcome(&watch.view, &format!("http://{view}"), style));
    let day = Day::begin(world, stage).await?;
    world.clock.begin_story();
    watch
        .beside(Phase::Playing, None, day.play(&plan.script, &mut stop))
        .await?;
    let is_cut_short = *stop.borrow();
    let played_s = world.clock.story_s().min(plan.script.length_s);
    println!("  The storm is over; waiting until everybody has everything.");
    watch.beside(Phase::Settling, None, day.settle()).await?;
    let is_unfinished = !(world.is_idle() && world.ledger().is_settled());
    let report = report(plan, world, played_s, is_cut_short, is_unfinished);
    let mut is_well = report.is_well();
    println!("{}", report.text(style));
    if let Some(path) = &arguments.common.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, json + "\n")
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    is_well &= watch.verdict(&report, style)?;
    if stage
        .process
        .as_mut()
        .is_some_and(crate::stage::Process::has_ended)
    {
        return Err("the server has ended by itself".to_owned());
    }
    watch.show(Phase::Over, Some(&report));
    if arguments.stay && !is_cut_short {
        println!("  The server and the live view stay until Ctrl-C: http://{view}\n");
        let _ = stop.wait_for(|stop| *stop).await;
    }
    day.end();
    Ok(is_well)
}

fn report(
    plan: &Plan,
    world: &World,
    played_s: f64,
    is_cut_short: bool,
    is_unfinished: bool,
) -> Report {
    let ledger = world.ledger();
    Report {
        seed: plan.script.seed,
        crews: world.cast.crew_count(),
        story_hours: played_s / 3_600.0,
        real_seconds: world.clock.ms() / 1_000,
        is_cut_short,
        is_unfinished,
        judgement: ledger.judge(),
        counts: ledger.counts.clone(),
    }
}

fn watching(
    soak: Option<&Soak>,
    plan: &Plan,
    world: &Arc<World>,
    stage: &Stage,
) -> Result<Watch, String> {
    let sign_in = |what, who| SignIn {
        what,
        user: world.cast.id(who).to_string(),
        password: stage.passwords[usize::from(who)].clone(),
    };
    let view = View {
        script: plan.script.clone(),
        speed: plan.speed,
        app: format!("http://{}", stage.server),
        sign_ins: vec![
            sign_in("the desk of a dispatcher", DESKS[0]),
            sign_in("the phone of a crew", FIRST_CREW),
        ],
    };
    let soaking = |soak: &Soak| {
        let process = stage
            .process
            .as_ref()
            .ok_or("a soak looks at a server that it has started itself")?;
        let how = format!(
            "soak of {} minutes, {} crews, seed {}, a look every {} s; accepted and latencies are since the look before",
            soak.length_s() / 60.0,
            world.cast.crew_count(),
            plan.script.seed,
            EVERY.as_secs()
        );
        Ok::<_, String>(Soaking {
            probe: Probe::new(process.id, process.store()),
            log: Log::begin(&soak.log, &how)?,
            samples: Vec::new(),
            next: Instant::now() + EVERY,
            accepted: 0,
        })
    };
    let soak = soak.map(soaking).transpose()?;
    let states = watch::Sender::new(Arc::from("{}"));
    Ok(Watch {
        world: Arc::clone(world),
        view,
        pulse: Pulse::default(),
        states,
        soak,
    })
}

impl Watch {
    /// Looks on while something is done.
    async fn beside(
        &mut self,
        phase: Phase,
        report: Option<&Report>,
        doing: impl Future<Output = ()>,
    ) -> Result<(), String> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        tokio::pin!(doing);
        loop {
            tokio::select! {
                () = &mut doing => return Ok(()),
                _ = beat.tick() => {
                    self.show(phase, report);
                    if phase == Phase::Playing {
                        self.sample()?;
                    }
                }
            }
        }
    }

    fn show(&mut self, phase: Phase, report: Option<&Report>) {
        self.pulse.beat(&self.world);
        let state = self.view.state(&self.world, phase, &self.pulse, report);
        self.states.send_replace(Arc::from(state));
    }

    fn sample(&mut self) -> Result<(), String> {
        let Some(soak) = &mut self.soak else {
            return Ok(());
        };
        let now = Instant::now();
        if now < soak.next {
            return Ok(());
        }
        soak.next = now + EVERY;
        let accepted = self.world.ledger().counts.accepted;
        let sample = Sample {
            at_s: self.world.clock.ms() as f64 / 1_000.0,
            accepted: accepted - soak.accepted,
            delivered: self.pulse.since_last(),
            ..soak.probe.look()?
        };
        soak.accepted = accepted;
        soak.log.sample(&sample)?;
        soak.samples.push(sample);
        Ok(())
    }

    /// The end of the log; whether there was no trend.
    fn verdict(&mut self, report: &Report, style: Style) -> Result<bool, String> {
        let Some(soak) = &mut self.soak else {
            return Ok(true);
        };
        let verdict = judge(&soak.samples);
        let text = verdict.to_string();
        let rate = report.counts.accepted as f64 / (report.real_seconds.max(1) as f64);
        let said = format!(
            "{} messages were accepted, {rate:.1} a second",
            grouped(report.counts.accepted)
        );
        println!("  {said}\n{text}");
        let word = if verdict.is_well() && report.is_well() {
            "WELL"
        } else {
            "NOT WELL"
        };
        soak.log.write(&report.text(Style::PLAIN))?;
        soak.log.write(&format!("{said}\n{text}verdict: {word}"))?;
        println!(
            "  {}",
            if word == "WELL" {
                style.green(word)
            } else {
                style.red(word)
            }
        );
        Ok(verdict.is_well())
    }
}

fn welcome(view: &View, live: &str, style: Style) -> String {
    let mut text = format!(
        "\n  The live view   {}\n  The real app    {}\n",
        style.bold(live),
        style.bold(&view.app)
    );
    for SignIn {
        what,
        user,
        password,
    } in &view.sign_ins
    {
        let _ = writeln!(
            text,
            "  {:<28} sign in as {} with {}",
            style.dim(what),
            style.bold(user),
            style.bold(password)
        );
    }
    text
}

/// Ctrl-C and SIGTERM end the day early. A second one ends it at once.
fn stop_by_signal() -> Result<watch::Receiver<bool>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let fault = |error: std::io::Error| format!("signals cannot be heard: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.send_replace(true) {
                std::process::exit(130);
            }
        }
    });
    Ok(stopped)
}

fn by_chance() -> Result<u64, String> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("this machine gives no random numbers: {error}"))?;
    let mut dice = Dice::new(u64::from_le_bytes(bytes));
    Ok(dice.bits())
}
