//! The promises, held against what is on the disk after a cut.

use std::collections::BTreeMap;
use std::path::Path;

use crewline_api::Timestamp;
use crewline_core::search::{Search, SearchWords};
use crewline_core::{Answer, Command, MemoryStore};
use crewline_store_sqlite::admin;
use crewline_testkit::{Desk, EXTERNALS, Random, USERS, World, draw};

use crate::ledger::{Ledger, repeat};
use crate::work::options;

/// What is seen, thing by thing.
pub(crate) type Seen = Vec<(String, String)>;

/// Commands after the cut.
const AFTERWARDS: usize = 12;

/// Holds what is in a folder after a cut against what was promised before it.
///
/// # Errors
/// The promise that was broken.
pub(crate) fn check(ledger: &Ledger, cut: usize, seed: u64, folder: &Path) -> Result<(), String> {
    for (name, promised, at) in &ledger.backups {
        if *at <= cut {
            backup_is_there(ledger, &folder.join(name), *promised)
                .map_err(|why| format!("the backup {name}: {why}"))?;
        }
    }
    let promised = ledger.promised(cut);
    let mut disk = open(folder)?;
    if ledger.steps.is_empty() || (promised == 0 && disk.no(USERS[0]).is_none()) {
        return Ok(());
    }
    is_well(&folder.join("crewline.db"))?;
    if disk.reader.epoch().map_err(|error| error.detail)? != ledger.epoch {
        return Err("the logs have another epoch".to_owned());
    }
    let logs: BTreeMap<&str, u64> = USERS
        .iter()
        .chain(&EXTERNALS)
        .map(|who| (*who, disk.log(who).last().map_or(0, |event| event.seq)))
        .collect();
    for told in ledger.told.iter().filter(|told| told.at <= cut) {
        let (whose, then, head) = (told.whose, told.head, logs[told.whose]);
        if head < then {
            return Err(format!(
                "somebody was told that the log of {whose} reaches {then}; it reaches {head}"
            ));
        }
    }
    let (mut model, _) = same_as_some_moment(ledger, promised, &mut disk)?;
    asked_again(ledger, cut, &mut disk, &mut model)?;
    goes_on(&mut disk, &mut model, &ledger.world, seed)?;
    drop(disk);
    is_well(&folder.join("crewline.db"))
}

/// How many steps of the work a store holds that a kill before a call has left.
///
/// # Errors
/// Where it is no moment of the work.
pub(crate) fn steps_in(ledger: &Ledger, kill: usize, folder: &Path) -> Result<usize, String> {
    let mut disk = open(folder)?;
    if disk.no(USERS[0]).is_none() {
        return Ok(0);
    }
    is_well(&folder.join("crewline.db"))?;
    let (_, steps) = same_as_some_moment(ledger, ledger.promised(kill), &mut disk)?;
    Ok(steps)
}

pub(crate) fn open(folder: &Path) -> Result<Desk, String> {
    let opened = crewline_store_sqlite::open(&options(folder));
    let mut desk = Desk::new(opened.map_err(|error| format!("it is not opened: {error}"))?);
    desk.now = Timestamp::from_millis(1_900_000_000_000);
    Ok(desk)
}

pub(crate) fn is_well(path: &Path) -> Result<(), String> {
    let report = admin::check(path).map_err(|error| error.detail)?;
    if report.is_ok() {
        return Ok(());
    }
    Err(report.problems.join("; "))
}

/// It is what the specification holds after so many steps: those that were promised, and more; each whole.
fn same_as_some_moment(
    ledger: &Ledger,
    promised: usize,
    disk: &mut Desk,
) -> Result<(Desk, usize), String> {
    while disk.writer.index(1_000).map_err(|error| error.detail)? {}
    let found = see(disk, &ledger.world);
    let model = MemoryStore::new(ledger.epoch.clone());
    for (no, step) in ledger.steps[..promised].iter().enumerate() {
        repeat(&model, &step.did, no);
    }
    let mut first = None;
    for no in promised..=ledger.steps.len() {
        let expected = see(&Desk::new(model.open()), &ledger.world);
        let Some(difference) = difference(&expected, &found) else {
            let mut model = Desk::new(model.copy(ledger.epoch.clone()).open());
            model.now = disk.now;
            return Ok((model, no));
        };
        first.get_or_insert(difference);
        if let Some(step) = ledger.steps.get(no) {
            repeat(&model, &step.did, no);
        }
        // A log that is longer than what is there grows no shorter.
        if is_beyond(&Desk::new(model.open()), disk) {
            break;
        }
    }
    let first = first.unwrap_or_default();
    Err(format!(
        "it is no moment of the work from the {promised} steps on that were promised: {first}"
    ))
}

fn events(desk: &Desk) -> u64 {
    let everybody = USERS.iter().chain(&EXTERNALS);
    let numbers: Vec<_> = everybody.filter_map(|who| desk.no(who)).collect();
    desk.reader.heads(&numbers).unwrap().iter().sum()
}

fn is_beyond(model: &Desk, disk: &Desk) -> bool {
    events(model) > events(disk)
}

pub(crate) fn difference(expected: &Seen, found: &Seen) -> Option<String> {
    if expected.len() != found.len() {
        return Some("there are other participants".to_owned());
    }
    let differs = expected
        .iter()
        .zip(found)
        .find(|(expected, found)| expected != found);
    differs.map(|((what, expected), (_, found))| {
        format!("{what}\n  promised: {expected}\n  found:    {found}")
    })
}

/// Everything that anybody sees.
pub(crate) fn see(desk: &Desk, world: &World) -> Seen {
    let mut seen = Seen::new();
    let mut note = |what: String, is: String| seen.push((what, is));
    for who in USERS.iter().chain(&EXTERNALS) {
        let no = desk.no(who);
        note(format!("the number of {who}"), format!("{no:?}"));
        let Some(no) = no else { continue };
        note(format!("the log of {who}"), format!("{:?}", desk.log(who)));
        let chats = desk.reader.chats(no, None, 1_000);
        note(format!("the chats of {who}"), format!("{chats:?}"));
        for name in ["a", "b"] {
            let kept = desk.reader.cursor(no, &name.parse().unwrap()).unwrap();
            let kept = kept.map(|row| (row.seq, row.kinds, row.put_at, row.released));
            note(format!("the cursor {name} of {who}"), format!("{kept:?}"));
        }
        for text in ["text", "reply 2"] {
            let search = Search {
                words: SearchWords::read(text),
                from: None,
                chat: None,
                after: None,
                before: None,
                below: None,
            };
            let hits = desk.reader.search(no, &search, 1_000).unwrap().hits;
            note(format!("{text:?} found by {who}"), format!("{hits:?}"));
        }
    }
    for (message, _) in &world.messages {
        let story = desk.reader.story(*message);
        note(format!("the story of {message}"), format!("{story:?}"));
    }
    for group in ["north", "south"] {
        let members = desk.reader.group_members(&group.parse().unwrap());
        note(format!("the group {group}"), format!("{members:?}"));
    }
    seen
}

/// Whoever asks again with the same key is given the same answer, and nothing new comes of it.
fn asked_again(
    ledger: &Ledger,
    cut: usize,
    disk: &mut Desk,
    model: &mut Desk,
) -> Result<(), String> {
    let answered = ledger.answered.iter().rev();
    let before = answered.filter(|answered| answered.at <= cut);
    for answered in before.take(40) {
        let (Answer::Sent { sent, .. }, Command::Send(_) | Command::Reply(_)) =
            (&answered.answer, &answered.command)
        else {
            continue;
        };
        let keyed = match &answered.command {
            Command::Send(send) => send.key.is_some(),
            Command::Reply(reply) => reply.key.is_some(),
            _ => false,
        };
        if !keyed {
            continue;
        }
        let again = disk.run(answered.command.clone());
        let same = matches!(&again, Ok(Answer::Sent { sent: now, again: true }) if now.message_id == sent.message_id);
        if !same {
            return Err(format!(
                "{:?}, answered with {sent:?}, is now answered with {again:?}",
                answered.command
            ));
        }
        let expected = model.run(answered.command.clone());
        if expected != again {
            return Err(format!("asked again: {again:?} instead of {expected:?}"));
        }
    }
    Ok(())
}

/// Work goes on, and says the same as the specification does.
fn goes_on(disk: &mut Desk, model: &mut Desk, world: &World, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut world = world.clone();
    for _ in 0..AFTERWARDS {
        let ops: Vec<Command> = (0..=random.below(3))
            .map(|_| draw(&mut random, &world))
            .collect();
        let (found, expected) = (disk.batch(&ops), model.batch(&ops));
        if found != expected {
            return Err(format!(
                "afterwards {ops:?} is answered with {found:?} instead of {expected:?}"
            ));
        }
        for answer in found.iter().flatten() {
            world.learn(answer);
        }
    }
    while disk.writer.index(1_000).map_err(|error| error.detail)? {}
    match difference(&see(model, &world), &see(disk, &world)) {
        None => Ok(()),
        Some(difference) => Err(format!("afterwards: {difference}")),
    }
}

/// A backup that was reported made is there, whole, with all that was promised before it was begun.
fn backup_is_there(ledger: &Ledger, path: &Path, promised: usize) -> Result<(), String> {
    is_well(path)?;
    let place = path.with_extension("opened");
    std::fs::copy(path, &place).map_err(|error| error.to_string())?;
    let opened = crewline_store_sqlite::open(&crewline_store_sqlite::Options::new(&place));
    let backup = Desk::new(opened.map_err(|error| error.detail)?);
    let model = MemoryStore::new(ledger.epoch.clone());
    for (no, step) in ledger.steps[..promised].iter().enumerate() {
        repeat(&model, &step.did, no);
    }
    let model = Desk::new(model.open());
    for who in USERS.iter().chain(&EXTERNALS) {
        let (there, expected) = (backup.log(who), model.log(who));
        if !there.starts_with(&expected) {
            return Err(format!("it lacks something of the log of {who}"));
        }
    }
    Ok(())
}
