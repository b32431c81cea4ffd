//! `crewline token`: secrets by which systems, scripts and administrators act. A token is shown once and kept as a hash.

use clap::{Args, Subcommand};
use crewline_api::{AuditKind, Token, TokenKind};
use crewline_core::{ExternalPattern, NewToken, Secret, SecretHash, TokenNo, TokenOwner, TokenRow};
use crewline_engine::{Clock as _, SystemClock};
use serde_json::json;

use super::audit::noted;
use super::local_time;
use super::user::parse_id;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};
use crate::random::random;

/// Keep the tokens by which systems and scripts act. Works whether a server runs on the store or not
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and print it, alone, on standard output
    Create(CreateArgs),
    /// List all tokens; the tokens themselves are kept nowhere
    List(ListArgs),
    /// Revoke a token; who uses it is shut out within a second
    Revoke(RevokeArgs),
}

const CREATE_HELP: &str = "\
The token is shown once. Keep it where only the system can read it.

Examples:
  crewline token create --external scada:dms
  crewline token create --external 'scada:*' --external outage-desk
  crewline token create --user alice > alice.token";

/// Whose token.
#[derive(Debug, Args)]
#[command(after_help = CREATE_HELP)]
#[group(id = "owner", required = true, multiple = false, args = ["external", "user", "admin"])]
pub(crate) struct CreateArgs {
    /// An external, or a prefix such as 'scada:*': any id that begins so, but no user's. Give it several times for
    /// several
    #[arg(long, value_name = "ID-or-PREFIX*")]
    pub(crate) external: Vec<String>,
    /// A user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Administration: keeps the directory, and sends nothing
    #[arg(long)]
    pub(crate) admin: bool,
}

/// How to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which token.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token itself, or its id from crewline token list
    #[arg(value_name = "TOKEN|ID")]
    pub(crate) token: String,
}

/// Does it.
pub(crate) fn run(command: &TokenCommand, context: &mut Context) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(args, context),
        TokenCommand::List(args) => list(args, context),
        TokenCommand::Revoke(args) => revoke(args, context),
    }
}

/// A new secret.
pub(crate) fn new_secret() -> Result<Secret, Failure> {
    Ok(Secret::from_random(random()?))
}

fn create(args: &CreateArgs, context: &mut Context) -> Result<(), Failure> {
    let owner = owner(args)?;
    let secret = new_secret()?;
    let token = NewToken {
        hash: secret.hash(),
        owner,
    };
    let mut store = context.open_or_make()?;
    let what = AuditKind::TokenMade;
    noted(store.directory(), what, "", |directory, notes| {
        let row = directory.create_token(&token, SystemClock.now())?;
        for note in notes {
            note.about = Some(format!("token {}", row.no.0));
            note.detail = Some(format!("for {}", token.owner));
        }
        Ok(())
    })?;
    context.out.line(secret.reveal())
}

fn owner(args: &CreateArgs) -> Result<TokenOwner, Failure> {
    if let Some(user) = &args.user {
        return Ok(TokenOwner::User(parse_id(user)?));
    }
    if args.admin {
        return Ok(TokenOwner::Administration);
    }
    let mut patterns = Vec::new();
    for text in &args.external {
        let pattern = ExternalPattern::parse(text)
            .map_err(|error| Failure::usage(format!("--external {text}: {error}")))?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(TokenOwner::Externals(patterns))
}

fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let tokens = context.open_beside()?.reader().tokens()?;
    let tokens: Vec<Token> = tokens.iter().map(TokenRow::shown).collect();
    if args.json {
        let tokens: Vec<_> = tokens
            .iter()
            .map(|token| {
                json!({ "id": token.token_id, "kind": token.kind, "owners": token.owners, "createdAt": token.created_at, "lastUsedAt": token.last_used_at })
            })
            .collect();
        return context.out.json(&json!({ "tokens": tokens }));
    }
    if tokens.is_empty() {
        return context
            .out
            .line("no tokens yet; crewline token create --external ID makes one");
    }
    let mut table = Table::new(&["ID", "KIND", "OWNER", "CREATED", "LAST USED"]);
    for token in tokens {
        let kind = match token.kind {
            TokenKind::User => "user",
            TokenKind::External => "external",
            TokenKind::Administration => "administration",
        };
        table.row([
            token.token_id,
            kind.to_owned(),
            if token.owners.is_empty() {
                "-".to_owned()
            } else {
                token.owners.join(", ")
            },
            local_time(token.created_at),
            token
                .last_used_at
                .map_or_else(|| "never".to_owned(), local_time),
        ]);
    }
    let text = table.render(context.out.style());
    context.out.write(&text)
}

fn revoke(args: &RevokeArgs, context: &mut Context) -> Result<(), Failure> {
    let mut store = context.open_beside()?;
    let by_id = args.token.parse::<i64>().ok().map(TokenNo);
    let about = match by_id {
        Some(no) => format!("token {}", no.0),
        None => "a token, by its secret".to_owned(),
    };
    let what = AuditKind::TokenRevoked;
    let revoked = noted(store.directory(), what, &about, |directory, notes| {
        let revoked = match by_id {
            Some(no) => directory.revoke_token(no)?,
            None => directory.revoke_token_by_hash(&SecretHash::of(args.token.trim()))?,
        };
        notes.retain(|_| revoked);
        Ok(revoked)
    })?;
    // The token itself is not repeated: it may still be good elsewhere.
    let shown = match by_id {
        Some(_) => args.token.clone(),
        None => "the token".to_owned(),
    };
    if !revoked {
        return Err(
            Failure::new(format!("there is no such token: {}", plain(&shown)))
                .remedy("crewline token list   (the first column is the id)"),
        );
    }
    context.out.line(&format!(
        "revoked {}; who uses it is shut out within a second",
        plain(&shown)
    ))
}
