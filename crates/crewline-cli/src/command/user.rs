//! `crewline user`: the people of the directory. Each command is one short transaction; a running server notices it.

use clap::{Args, Subcommand};
use crewline_api::limits::NAME_CHARS_MAX;
use crewline_api::{AuditKind, ParticipantId, Role};
use crewline_core::{NewUser, UserChange};
use crewline_engine::{Clock as _, SystemClock};
use serde_json::json;

use super::audit::noted;
use super::{group, import, local_time, password, watch};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};

/// Keep the users of the directory. Works whether a server runs on the store or not
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user
    Add(AddArgs),
    /// List all users
    List(ListArgs),
    /// Let a user in again
    Enable(UserArgs),
    /// Shut a user out: no sign-in, no messages; open sessions end, and tokens rest
    Disable(UserArgs),
    /// Set a user's password; open sessions end
    Passwd(PasswdArgs),
    /// Give a user another role
    Role(RoleArgs),
    /// End all sessions of a user, on every device
    SignOut(SignOutArgs),
    /// Let a user read the log of a participant, with its messages and chats, as the participant itself does
    Watch(watch::WatchArgs),
    /// End that a user watches a participant
    Unwatch(watch::UnwatchArgs),
    /// Say whether a user is on duty
    Duty(group::DutyArgs),
    /// Add or change the users of a CSV file: all or none
    Import(import::ImportArgs),
}

const ADD_HELP: &str = "\
Example:
  printf '%s' 'a long password' | crewline user add alice --name 'Alice Adams' --role dispatcher --password-stdin";

/// Whom to add.
#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub(crate) struct AddArgs {
    /// The id: 1 to 255 bytes, taken as it is
    pub(crate) id: String,
    /// The name to show [default: the id]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the user may do: crew, dispatcher or administrator
    #[arg(long, default_value = "crew")]
    pub(crate) role: Role,
    /// Read the password from standard input. Without it nobody can sign in as this user yet
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// How to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which user.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// The id
    pub(crate) id: String,
}

/// Whose password.
#[derive(Debug, Args)]
pub(crate) struct PasswdArgs {
    /// The id
    pub(crate) id: String,
    /// Read the password from standard input
    #[arg(long, required = true)]
    pub(crate) password_stdin: bool,
}

const ROLE_HELP: &str = "\
crew and dispatcher send and read; an administrator also says who watches whom. A running server
notices within a second, and nobody is signed out.

Example:
  crewline user role alice dispatcher";

/// Which role.
#[derive(Debug, Args)]
#[command(after_help = ROLE_HELP)]
pub(crate) struct RoleArgs {
    /// The id
    pub(crate) id: String,
    /// What the user may do: crew, dispatcher or administrator
    pub(crate) role: Role,
}

const SIGN_OUT_HELP: &str = "\
For a device that was lost. The user may sign in again; crewline user passwd sets a new password,
and crewline user disable shuts the user out.

Examples:
  crewline user sign-out alice
  crewline user sign-out alice --tokens      the user's tokens are revoked, too";

/// Who is signed out.
#[derive(Debug, Args)]
#[command(after_help = SIGN_OUT_HELP)]
pub(crate) struct SignOutArgs {
    /// The id
    pub(crate) id: String,
    /// Revoke the user's tokens, too
    #[arg(long)]
    pub(crate) tokens: bool,
}

/// Does it.
pub(crate) fn run(command: &UserCommand, context: &mut Context) -> Result<(), Failure> {
    match command {
        UserCommand::Add(args) => add(args, context),
        UserCommand::List(args) => list(args, context),
        UserCommand::Enable(args) => {
            change(&args.id, &UserChange::Enable, "is let in again", context)
        }
        UserCommand::Disable(args) => {
            let done = "is shut out; open sessions end within a second";
            change(&args.id, &UserChange::Disable, done, context)
        }
        UserCommand::Passwd(args) => {
            let password = password::from_stdin(context)?;
            let change_to = UserChange::Password(password::hash(&password)?);
            change(
                &args.id,
                &change_to,
                "has a new password; open sessions end within a second",
                context,
            )
        }
        UserCommand::Role(args) => {
            let done = format!("has the role {} now", args.role);
            change(&args.id, &UserChange::Role(args.role), &done, context)
        }
        UserCommand::SignOut(args) => sign_out(args, context),
        UserCommand::Watch(args) => watch::watch(args, context),
        UserCommand::Unwatch(args) => watch::unwatch(args, context),
        UserCommand::Duty(args) => group::duty(args, context),
        UserCommand::Import(args) => import::run(args, context),
    }
}

/// An id from the command line.
pub(crate) fn parse_id(id: &str) -> Result<ParticipantId, Failure> {
    ParticipantId::new(id).map_err(|error| Failure::usage(format!("the id {error}")))
}

/// Who acts, as the log names whoever changes the directory at a terminal: the account of the machine, and behind `sudo`
/// the one that came by it.
pub(super) fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    let behind = std::env::var("SUDO_UID").ok();
    match behind.and_then(|uid| uid.parse::<u32>().ok()) {
        Some(behind) => format!("uid {uid} for uid {behind}"),
        None => format!("uid {uid}"),
    }
}

/// What is wrong with a name, if anything.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if chars == 0 {
        Err("the name is empty; leave it out to show the id".to_owned())
    } else if chars > NAME_CHARS_MAX {
        Err(format!(
            "the name has {chars} characters; at most {NAME_CHARS_MAX} are allowed"
        ))
    } else if name.contains('\0') {
        Err("the name holds the control character U+0000".to_owned())
    } else {
        Ok(())
    }
}

fn add(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let id = parse_id(&args.id)?;
    if let Some(name) = &args.name {
        check_name(name).map_err(Failure::usage)?;
    }
    let hash = if args.password_stdin {
        Some(password::hash(&password::from_stdin(context)?)?)
    } else {
        None
    };
    let user = NewUser {
        id: id.clone(),
        name: args.name.clone(),
        role: args.role,
        password: hash,
    };
    let mut store = context.open_or_make()?;
    let added = noted(
        store.directory(),
        AuditKind::UserAdded,
        id.as_str(),
        |directory, notes| {
            for note in notes {
                note.detail = Some(format!("role {}", user.role));
            }
            directory.add_user(&user, SystemClock.now())
        },
    )?;
    let shown = plain(id.as_str());
    if let Some(other) = added.looks_like {
        context.warn(&format!(
            "{shown} looks like {}, which is another participant",
            plain(other.as_str())
        ));
    }
    context
        .out
        .line(&format!("added {shown} ({})", args.role))?;
    if user.password.is_none() {
        context.out.line(&format!(
            "no password is set: nobody can sign in as {shown} before crewline user passwd {shown} --password-stdin"
        ))?;
    }
    Ok(())
}

fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let users = context.open_beside()?.reader().users()?;
    if args.json {
        let users: Vec<_> = users
            .iter()
            .map(|user| {
                json!({
                    "userId": user.id, "name": user.name, "role": user.role, "disabled": user.disabled,
                    "hasPassword": user.has_password, "createdAt": user.created_at, "watches": user.watches,
                })
            })
            .collect();
        return context.out.json(&json!({ "users": users }));
    }
    let style = context.out.style();
    if users.is_empty() {
        return context
            .out
            .line("no users yet; crewline user add ID --password-stdin adds one");
    }
    let mut table = Table::new(&[
        "ID", "NAME", "ROLE", "STATE", "PASSWORD", "ADDED", "WATCHES",
    ]);
    for user in users {
        let state = if user.disabled { "disabled" } else { "enabled" };
        let password = if user.has_password { "set" } else { "none" };
        let watches: Vec<&str> = user.watches.iter().map(ParticipantId::as_str).collect();
        let watches = if watches.is_empty() {
            "-".to_owned()
        } else {
            watches.join(", ")
        };
        table.row([
            user.id.to_string(),
            user.name,
            user.role.to_string(),
            state.to_owned(),
            password.to_owned(),
            local_time(user.created_at),
            watches,
        ]);
    }
    context.out.write(&table.render(style))
}

fn sign_out(args: &SignOutArgs, context: &mut Context) -> Result<(), Failure> {
    let tokens = args.tokens;
    let done = if tokens {
        "is signed out everywhere, and all tokens of that user are revoked; what is open ends within a second"
    } else {
        "is signed out everywhere; open sessions end within a second"
    };
    change(&args.id, &UserChange::SignOut { tokens }, done, context)
}

fn change(id: &str, change: &UserChange, done: &str, context: &mut Context) -> Result<(), Failure> {
    let id = parse_id(id)?;
    let mut store = context.open_beside()?;
    let (what, detail) = change.noted();
    noted(store.directory(), what, id.as_str(), |directory, notes| {
        for note in notes {
            note.detail.clone_from(&detail);
        }
        directory.change_user(&id, change, SystemClock.now())
    })?;
    let actor = actor();
    match change {
        UserChange::Role(role) => {
            tracing::info!(%actor, user = %id, %role, "a user has another role");
        }
        UserChange::SignOut { tokens } => {
            tracing::info!(%actor, user = %id, tokens, "a user is signed out everywhere");
        }
        UserChange::Enable
        | UserChange::Disable
        | UserChange::Password(_)
        | UserChange::Name(_) => {}
    }
    context.out.line(&format!("{} {done}", plain(id.as_str())))
}
