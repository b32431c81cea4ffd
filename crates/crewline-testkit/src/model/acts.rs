//! What the test does by itself on every target: the administrator's acts, beside the server, and the directory that
//! every play begins with.

use crewline_api::{ParticipantId, Role};
use crewline_core::{
    DirectoryError, ExternalPattern, NewToken, NewUser, SecretHash, TokenOwner, UserChange,
};
use serde_json::{Value, json};

use super::answer::{Answer, Names};
use super::core::Core;
use super::directory::Act;
use super::op::{EXTERNALS, Op, USERS};

/// The secret of a token.
pub fn secret_of(token: &str) -> String {
    // It stands in a header.
    let ascii: String = token.chars().filter(char::is_ascii_graphic).collect();
    format!("token of {ascii}")
}

pub(super) fn id(text: &str) -> ParticipantId {
    ParticipantId::new(text).expect("the ids of the model are good ones")
}

/// Fills the directory of an empty store.
pub async fn begin(core: &mut impl Core) {
    for user in USERS {
        add_user(core, user).await.expect("the user is new");
    }
    for token in USERS.iter().chain(&EXTERNALS).chain(&["many", "admin"]) {
        new_token(core, token).await.expect("the token is new");
    }
}

async fn add_user(core: &mut impl Core, user: &str) -> Result<Value, DirectoryError> {
    let user = NewUser {
        id: id(user),
        name: None,
        role: Role::Crew,
        password: Some(core.password()),
    };
    core.directory(Act::AddUser(user)).await
}

async fn new_token(core: &mut impl Core, token: &str) -> Result<Value, DirectoryError> {
    let patterns = |texts: &[&str]| {
        let patterns = texts.iter().map(|text| {
            ExternalPattern::parse(text).expect("the patterns of the model are good ones")
        });
        TokenOwner::Externals(patterns.collect())
    };
    let owner = match token {
        "admin" => TokenOwner::Administration,
        "many" => patterns(&["scada", "oms", "desk:*", "An*"]),
        external if EXTERNALS.contains(&external) => patterns(&[external]),
        user => TokenOwner::User(id(user)),
    };
    let hash = SecretHash::of(&secret_of(token));
    let token = NewToken { hash, owner };
    core.directory(Act::CreateToken(token)).await
}

/// Carries one of the test's own acts out: `None` where the step is a call.
pub async fn act(core: &mut impl Core, names: &mut Names, op: &Op) -> Option<Answer> {
    let change = |user: &str, change: UserChange| Act::Change(id(user), change);
    let result = match op {
        Op::AddUser { user } => add_user(core, user).await,
        Op::Disable { user } => core.directory(change(user, UserChange::Disable)).await,
        Op::Enable { user } => core.directory(change(user, UserChange::Enable)).await,
        Op::SetRole { user, role } => core.directory(change(user, UserChange::Role(*role))).await,
        Op::SignOutUser { user, tokens } => {
            if *tokens {
                names.revoked.insert(user);
            }
            let out = UserChange::SignOut { tokens: *tokens };
            core.directory(change(user, out)).await
        }
        Op::NewPassword { user } => {
            let password = UserChange::Password(core.password());
            core.directory(change(user, password)).await
        }
        Op::Revoke { token } => {
            let hash = SecretHash::of(&secret_of(token));
            names.revoked.insert(token);
            core.directory(Act::Revoke(hash)).await
        }
        Op::NewToken { token } => {
            if !names.revoked.remove(token) {
                return Some(Answer::not_done());
            }
            new_token(core, token).await
        }
        Op::Backup => {
            core.backup().await;
            names.note_backup();
            Ok(Value::Null)
        }
        Op::Advance { ms } => {
            core.set_time(core.now().plus_millis(*ms));
            Ok(Value::Null)
        }
        _ => return None,
    };
    Some(match result {
        Ok(body) => Answer::new(200, body),
        Err(error) => Answer::new(422, json!(error.to_string())),
    })
}
