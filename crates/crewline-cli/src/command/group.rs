//! `crewline group`, and `crewline user duty`: who is sent to together, and who is on duty. Works on the store, whether a
//! server runs on it or not.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use crewline_api::{AuditKind, GroupId, ParticipantId};
use crewline_core::GroupRow;
use crewline_engine::{Clock as _, SystemClock};
use serde_json::json;

use super::audit::noted;
use super::group_file::parse;
use super::user::{actor, check_name, parse_id};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};
use crate::store::Beside;

/// Keep the groups of people that messages can be sent to. Works whether a server runs on the store or not
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group, or put another in the place of one
    Add(AddArgs),
    /// List the groups
    List(ListArgs),
    /// Remove a group; what was sent to it stays
    Remove(RemoveArgs),
    /// Make or change the groups of a CSV file: all or none
    Import(ImportArgs),
}

const ADD_HELP: &str = "\
Who is named is in the group, and nobody else, whoever was before. Messages that were sent to it
stay as they are. The id on-duty is taken: it is everyone on duty.

Example:
  crewline group add crew-north --name 'Crew north' alice bob";

/// Which group, and who is in it.
#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub(crate) struct AddArgs {
    /// The id: 1 to 255 bytes, taken as it is
    pub(crate) id: String,
    /// The name to show [default: the id]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Users
    pub(crate) users: Vec<String>,
}

/// How to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which group.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The id
    pub(crate) id: String,
}

const IMPORT_HELP: &str = "\
The file is CSV in UTF-8 with the header group,name,user: a line for each member. The name may be
empty (that of a line before, or the id, is shown), and so may the user (a group without members).
A group of the file holds afterwards who is in the file, and nobody else; other groups stay.

Example:
  crewline group import groups.csv";

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_HELP)]
pub(crate) struct ImportArgs {
    /// The file
    pub(crate) file: PathBuf,
}

/// Whether somebody is on duty.
#[derive(Debug, Args)]
pub(crate) struct DutyArgs {
    /// The user
    pub(crate) id: String,
    /// on or off
    pub(crate) duty: OnOff,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    /// On duty
    On,
    /// Not on duty
    Off,
}

/// Does it.
pub(crate) fn run(command: &GroupCommand, context: &mut Context) -> Result<(), Failure> {
    match command {
        GroupCommand::Add(args) => add(args, context),
        GroupCommand::List(args) => list(args, context),
        GroupCommand::Remove(args) => remove(args, context),
        GroupCommand::Import(args) => import(args, context),
    }
}

fn parse_group(id: &str) -> Result<GroupId, Failure> {
    GroupId::new(id).map_err(|error| Failure::usage(format!("the id {error}")))
}

fn add(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let id = parse_group(&args.id)?;
    let name = args.name.clone().unwrap_or_else(|| args.id.clone());
    check_name(&name).map_err(Failure::usage)?;
    let members: Result<Vec<_>, _> = args.users.iter().map(|user| parse_id(user)).collect();
    let row = GroupRow {
        id,
        name,
        members: members?,
    };
    let members = row.members.len();
    let group = row.id.clone();
    let mut store = context.open_beside()?;
    let new = put(&mut store, &[row])?;
    let actor = actor();
    tracing::info!(%actor, %group, members, "a group was put");
    let what = if new > 0 { "added" } else { "changed" };
    let shown = plain(group.as_str());
    context.out.line(&format!("{what} {shown}"))
}

fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.open_beside()?;
    let (mut groups, mut after) = (Vec::new(), None);
    loop {
        let page = store.reader().groups(after.as_deref(), 1_000)?;
        groups.extend(page.groups);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if args.json {
        return context.out.json(&json!({ "groups": groups }));
    }
    if groups.is_empty() {
        let none = "no groups yet; crewline group add ID USER … makes one";
        return context.out.line(none);
    }
    let mut table = Table::new(&["ID", "NAME", "USERS"]);
    for group in groups {
        let ids: Vec<&str> = group.user_ids.iter().map(ParticipantId::as_str).collect();
        let users = if ids.is_empty() {
            "-".to_owned()
        } else {
            ids.join(", ")
        };
        table.row([group.group_id.to_string(), group.name, users]);
    }
    let style = context.out.style();
    context.out.write(&table.render(style))
}

fn remove(args: &RemoveArgs, context: &mut Context) -> Result<(), Failure> {
    let group = parse_group(&args.id)?;
    let mut store = context.open_beside()?;
    let removed = noted(
        store.directory(),
        AuditKind::GroupRemoved,
        group.as_str(),
        |directory, notes| {
            let removed = directory.remove_group(&group)?;
            notes.retain(|_| removed);
            Ok(removed)
        },
    )?;
    let shown = plain(group.as_str());
    if !removed {
        return Err(
            Failure::new(format!("there is no group {shown}")).remedy("crewline group list")
        );
    }
    let actor = actor();
    tracing::info!(%actor, %group, "a group was removed");
    context.out.line(&format!("removed {shown}"))
}

/// Puts groups, and notes each of them.
fn put(store: &mut Beside, rows: &[GroupRow]) -> Result<usize, Failure> {
    let done = noted(
        store.directory(),
        AuditKind::GroupPut,
        "",
        |directory, notes| {
            if let Some(note) = notes.pop() {
                notes.extend(rows.iter().map(|row| {
                    let note = note.clone().about(row.id.as_str());
                    note.detail(format!("{} users", row.members.len()))
                }));
            }
            directory.put_groups(rows, SystemClock.now())
        },
    );
    Ok(done?)
}

fn import(args: &ImportArgs, context: &mut Context) -> Result<(), Failure> {
    let file = args.file.display().to_string();
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::new(format!("cannot read {file}: {error}")))?;
    let rows = parse(&bytes).map_err(|faults| {
        let what = format!("{file} was not imported; nothing was changed:");
        let faults = faults.iter().take(20).map(|fault| plain(fault));
        let lines: Vec<String> = std::iter::once(what).chain(faults).collect();
        Failure::new(lines.join("\n  "))
    })?;
    let mut store = context.open_beside()?;
    let new = put(&mut store, &rows)?;
    let actor = actor();
    tracing::info!(%actor, groups = rows.len(), new, "groups were imported");
    let changed = rows.len() - new;
    context
        .out
        .line(&format!("{new} added, {changed} as the file says"))
}

/// Says whether a user is on duty.
pub(super) fn duty(args: &DutyArgs, context: &mut Context) -> Result<(), Failure> {
    let (user, on_duty) = (parse_id(&args.id)?, args.duty == OnOff::On);
    let mut store = context.open_beside()?;
    let actor = actor();
    let row = noted(
        store.directory(),
        AuditKind::DutySaid,
        user.as_str(),
        |directory, notes| {
            for note in notes {
                note.detail = Some(if on_duty { "on" } else { "off" }.to_owned());
            }
            directory.set_duty(&user, on_duty, &actor, SystemClock.now())
        },
    )?;
    tracing::info!(%actor, %user, on_duty, "it was said who is on duty");
    let word = if on_duty { "on duty" } else { "off duty" };
    let since = super::local_time(row.since);
    let shown = plain(user.as_str());
    context
        .out
        .line(&format!("{shown} is {word} since {since}"))
}
