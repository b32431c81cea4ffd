//! `crewline serve --demo`: a small directory in an empty store, and how to use it, printed once.

use std::fmt::Write as _;

use crewline_api::{AuditKind, ParticipantId, Role};
use crewline_core::{
    DirectoryError, ExternalPattern, ImportRow, NewToken, NewUser, TokenOwner, audited,
};
use crewline_engine::Engine;

use super::audit::note;
use super::{password, token};
use crate::context::Context;
use crate::failure::Failure;
use crate::random::random;

/// The external of the demo.
const EXTERNAL: &str = "scada:demo";
/// The server that the other commands take by themselves.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// The people of the demo.
const PEOPLE: [(&str, &str, Role); 3] = [
    ("admin", "Administrator", Role::Administrator),
    ("alice", "Alice Adams", Role::Crew),
    ("bob", "Bob Brown", Role::Crew),
];

/// What there is to show.
pub(crate) enum Demo {
    /// The demo was made now.
    Made(Secrets),
    /// The store had a directory already.
    Kept,
}

/// Shown once, kept nowhere.
pub(crate) struct Secrets {
    passwords: Vec<String>,
    alice: String,
    external: String,
}

/// Makes the demo, where the store is empty.
pub(crate) async fn prepare(engine: &Engine) -> Result<Demo, Failure> {
    let empty = engine
        .read(|reader| Ok(reader.users()?.is_empty() && reader.tokens()?.is_empty()))
        .await?;
    if !empty {
        return Ok(Demo::Kept);
    }
    let passwords: Vec<String> = PEOPLE
        .iter()
        .map(|_| readable_password())
        .collect::<Result<_, _>>()?;
    let rows = rows(&passwords)?;
    let (alice, external) = (token::new_secret()?, token::new_secret()?);
    let tokens = [
        NewToken {
            hash: alice.hash(),
            owner: TokenOwner::User(id("alice")?),
        },
        NewToken {
            hash: external.hash(),
            owner: TokenOwner::Externals(vec![ExternalPattern::Exact(id(EXTERNAL)?)]),
        },
    ];
    engine
        .directory(move |directory, now| {
            let imported = note(AuditKind::UsersImported).detail("of the demo");
            audited(directory, imported, now, |directory, notes| {
                directory.import_users(&rows, false, now)?;
                for token in &tokens {
                    let row = directory.create_token(token, now)?;
                    notes.push(note(AuditKind::TokenMade).about(format!("token {}", row.no.0)));
                }
                Ok::<_, DirectoryError>(())
            })
        })
        .await??;
    Ok(Demo::Made(Secrets {
        passwords,
        alice: alice.reveal().to_owned(),
        external: external.reveal().to_owned(),
    }))
}

fn rows(passwords: &[String]) -> Result<Vec<ImportRow>, Failure> {
    let mut rows = Vec::new();
    for ((person, name, role), secret) in PEOPLE.into_iter().zip(passwords) {
        let user = NewUser {
            id: id(person)?,
            name: Some(name.to_owned()),
            role,
            password: Some(password::hash(secret)?),
        };
        rows.push(ImportRow { user, line: 0 });
    }
    Ok(rows)
}

fn id(text: &str) -> Result<ParticipantId, Failure> {
    ParticipantId::new(text).map_err(|error| Failure::new(format!("the demo's id {text} {error}")))
}

/// Four groups of two syllables: 48 bits, and easily read to somebody at the next desk.
fn readable_password() -> Result<String, Failure> {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let random: [u8; 8] = random()?;
    let mut text = String::new();
    for (at, byte) in random.into_iter().enumerate() {
        if at > 0 && at % 2 == 0 {
            text.push('-');
        }
        text.push(char::from(CONSONANTS[usize::from(byte & 15)]));
        text.push(char::from(VOWELS[usize::from((byte >> 4) & 3)]));
    }
    Ok(text)
}

/// What to print.
pub(crate) fn text(demo: &Demo, url: &str, context: &Context) -> String {
    let program = program();
    match demo {
        Demo::Made(secrets) => made(secrets, url, &program),
        Demo::Kept => kept(url, context, &program),
    }
}

fn made(secrets: &Secrets, url: &str, program: &str) -> String {
    let at = if url == DEFAULT_URL {
        String::new()
    } else {
        format!("CREWLINE_URL={url} ")
    };
    let Secrets {
        passwords,
        alice,
        external,
    } = secrets;
    let mut people = String::new();
    for ((person, _, role), password) in PEOPLE.into_iter().zip(passwords) {
        let _ = writeln!(people, "    {person:<6} {password}   {role}");
    }
    let password = passwords.get(1).map_or("", String::as_str);
    format!(
        "
  Crewline is ready, with a small demo directory. The secrets below are shown this once.

  Open the app  {url}   and sign in as alice, with her password
  Try the API   {url}/api/docs

  People and their passwords
{people}
  In a second terminal, send alice an emergency as the system {EXTERNAL}; it ends when she acknowledges it in the app
    {at}CREWLINE_TOKEN={external} {program} send --priority emergency --to alice --wait acknowledged --timeout 10m 'Line 7 is energised. Stay clear.'

  Without a browser: sign in as alice
    curl -s {url}/api/v1/session -H 'Content-Type: application/json' \\
      -d '{{\"userId\":\"alice\",\"password\":\"{password}\"}}'

  In another terminal, listen as alice
    {at}CREWLINE_TOKEN={alice} {program} listen

  In one more, send to alice as the system {EXTERNAL}, and watch until she has read it
    {at}CREWLINE_TOKEN={external} {program} send --to alice --wait read --timeout 10m 'Breaker 1204 has tripped'

  Alice says that she has read it: put in the id that the listening terminal shows behind the text
    curl -s {url}/api/v1/receipts -H 'Authorization: Bearer {alice}' \\
      -H 'Content-Type: application/json' -d '{{\"receipts\":[{{\"messageId\":\"PUT THE ID HERE\",\"state\":\"read\"}}]}}'

  Ctrl-C stops the server; everything is kept.

"
    )
}

fn kept(url: &str, context: &Context, program: &str) -> String {
    let (store, address) = (context.store_shown(), context.store_url());
    format!(
        "
  Crewline is ready: open {url}; the API to try is at {url}/api/docs.
  The store {store} has a directory already, and was left as it is. Secrets are not shown again; to make new ones:
    {program} token create --user alice --store {address}
    {program} token create --external {EXTERNAL} --store {address}
    printf '%s' 'a new password' | {program} user passwd alice --password-stdin --store {address}

"
    )
}

/// How this program was called, so that the lines can be pasted as they are.
fn program() -> String {
    std::env::args()
        .next()
        .filter(|name| name.contains('/'))
        .unwrap_or_else(|| "crewline".to_owned())
}
