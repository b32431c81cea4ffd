//! Groups and duty, at the edge of the specification.

use crewline_api::{
    ApiError, Duty, ErrorCode, FieldCode, FieldError, GroupId, ParticipantId, Role,
};
use crewline_core::{Credential, CredentialSource, DirectoryError, GroupRow, Scope};
use serde_json::{Value, json};

use super::acts::id;
use super::answer::Answer;
use super::core::Core;
use super::directory::Act;
use super::edge::{Edge, good, not_allowed};
use super::edge_read::pages;
use super::op::{By, Op};

fn must_dispatch(credential: &Credential) -> Result<(), ApiError> {
    match &credential.scope {
        Scope::Administration
        | Scope::User {
            role: Role::Dispatcher | Role::Administrator,
            ..
        } => Ok(()),
        Scope::User { .. } | Scope::Externals(_) => Err(not_allowed()),
    }
}

fn group_id(text: &str) -> GroupId {
    GroupId::new(text).expect("the groups of the model are good ones")
}

/// Who says so, as it is kept.
fn name_of(credential: &Credential) -> String {
    match (&credential.scope, credential.source) {
        (Scope::User { id, .. }, _) => id.to_string(),
        (_, CredentialSource::Token(no)) => format!("token {}", no.0),
        (_, CredentialSource::Session(no)) => format!("session {}", no.0),
    }
}

impl<C: Core> Edge<C> {
    pub(super) async fn group_op(&mut self, op: &Op) -> Result<Answer, ApiError> {
        match op {
            Op::PutGroup { by, group, users } => {
                must_dispatch(&self.credential(*by)?)?;
                self.put_group(group, users).await
            }
            Op::RemoveGroup { by, group } => {
                must_dispatch(&self.credential(*by)?)?;
                let removed = self.core.directory(Act::RemoveGroup(group_id(group))).await;
                removed.expect("it is no error where there is none");
                Ok(Answer::new(204, Value::Null))
            }
            Op::Groups { by, limit } => {
                self.credential(*by)?;
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let page = self.core.groups(after.as_deref(), *limit);
                    after.clone_from(&page.next);
                    all.push(json!(page));
                    if after.is_none() {
                        return Ok(pages(all));
                    }
                }
            }
            Op::Duty { by, user, on_duty } => self.duty(*by, user, *on_duty).await,
            _ => unreachable!("called for groups and duty"),
        }
    }

    async fn put_group(&mut self, group: &str, users: &[&str]) -> Result<Answer, ApiError> {
        let members: Vec<ParticipantId> = users.iter().map(|user| id(user)).collect();
        let row = GroupRow {
            id: group_id(group),
            name: format!("Group {group}"),
            members: members.clone(),
        };
        match self.core.directory(Act::PutGroup(row)).await {
            Ok(new) => Ok(Answer::new(if new == 1 { 201 } else { 204 }, Value::Null)),
            Err(DirectoryError::ReservedGroup) => Err(reserved()),
            Err(DirectoryError::UnknownMembers(unknown)) => {
                let named = members.iter().enumerate();
                let named = named.filter(|(_, member)| unknown.contains(member));
                let errors = named.map(|(at, _)| {
                    FieldError::new(format!("userIds[{at}]"), FieldCode::UnknownRecipient, "")
                });
                let errors = errors.collect();
                Err(ApiError::fields(ErrorCode::UnknownRecipient, errors))
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn duty(&mut self, by: By, user: &str, on_duty: bool) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let user = id(user);
        if !matches!(&credential.scope, Scope::User { id, .. } if *id == user) {
            must_dispatch(&credential)?;
        }
        let act = Act::SetDuty(user.clone(), on_duty, name_of(&credential));
        match self.core.directory(act).await {
            Ok(row) => Ok(good(Duty {
                user_id: user,
                on_duty: row["onDuty"] == true,
                since: serde_json::from_value(row["since"].clone()).ok(),
                by: row["by"].as_str().map(str::to_owned),
            })),
            Err(DirectoryError::NoUser(_)) => Err(ApiError::not_found()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn reserved() -> ApiError {
    ApiError::field("groupId", FieldCode::Conflict, "")
}
