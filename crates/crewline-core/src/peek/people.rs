//! People and chats, before the first message: who is not known becomes known, and each set of people has its chat.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ParticipantId, Role, Timestamp};

use super::batches::{Batches, Timed};
use super::import::ImportError;
use super::report::Report;
use crate::DeviceNo;
use crate::command::{Actor, ChatCommand, Command, Recipient};
use crate::directory::{ImportRow, NewUser};
use crate::state::Payloads;

/// Users and externals made at once.
const PEOPLE_MAX: usize = 500;
/// Makes a chat: an external of it does, where there is one.
#[expect(
    clippy::expect_used,
    reason = "a set without people was left when the plan was made"
)]
pub(super) fn chat_command(members: &BTreeMap<ParticipantId, bool>) -> Command {
    let maker = members.iter().find(|(_, external)| **external);
    let maker = maker.or_else(|| members.iter().next());
    let (id, external) = maker.expect("a chat that is taken has members");
    let others = members.keys().filter(|other| *other != id);
    Command::Chat(ChatCommand {
        actor: Actor {
            id: id.clone(),
            external: *external,
            device: DeviceNo(0),
        },
        others: others
            .map(|id| Recipient {
                id: id.clone(),
                field: String::new(),
                payloads: Payloads::default(),
            })
            .collect(),
        groups: Vec::new(),
    })
}

/// Makes users and externals known.
pub(super) fn make_known(
    batches: &mut Batches<'_>,
    users: &[ParticipantId],
    externals: &[ParticipantId],
    now: Timestamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    for ids in users.chunks(PEOPLE_MAX) {
        let row = |id: &ParticipantId| ImportRow {
            user: NewUser {
                id: id.clone(),
                name: None,
                role: Role::default(),
                password: None,
            },
            line: 0,
        };
        let rows: Vec<ImportRow> = ids.iter().map(row).collect();
        let done = batches.directory().import_users(&rows, false, now)?;
        let pairs = done.look_alikes.into_iter();
        report
            .look_alikes
            .extend(pairs.map(|(id, other)| (id.into(), other.into())));
    }
    for ids in externals.chunks(PEOPLE_MAX) {
        let appear = |id: &ParticipantId| {
            let actor = Actor {
                id: id.clone(),
                external: true,
                device: DeviceNo(0),
            };
            (Command::Appear(actor), now)
        };
        let commands: Vec<Timed> = ids.iter().map(appear).collect();
        for answer in batches.run(&commands, &BTreeSet::new(), &mut |_| Ok(()))? {
            answer.map_err(|error| ImportError::Internal(error.detail))?;
        }
    }
    Ok(())
}
