//! Groups among recipients: who they are at this moment. What came of it stands in the message, and stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crewline_api::limits::RECIPIENTS_MAX;
use crewline_api::{ApiError, ErrorCode, FieldCode, FieldError, ParticipantId, Payload};

use crate::command::{GroupRecipient, Recipient};
use crate::state::State;

/// Everyone whom a command names, by name or by group; the actor is not among them. Where it names no group, that is what
/// it says, and costs nothing. Groups that are not loaded, or do not exist, count as empty.
pub(crate) fn everyone<'a>(
    state: &State,
    actor: &ParticipantId,
    named: &'a [Recipient],
    groups: &[GroupRecipient],
) -> Cow<'a, [Recipient]> {
    everyone_or(state, actor, named, groups, &mut |_, _| {})
}

/// As [`everyone`]; refused where a group does not exist, payloads contradict each other, or nobody or too many are left.
pub(crate) fn everyone_checked<'a>(
    state: &State,
    actor: &ParticipantId,
    named: &'a [Recipient],
    groups: &[GroupRecipient],
) -> Result<Cow<'a, [Recipient]>, ApiError> {
    if groups.is_empty() {
        return Ok(Cow::Borrowed(named));
    }
    check_known(state, groups)?;
    let mut errors: Vec<FieldError> = Vec::new();
    let all = everyone_or(state, actor, named, groups, &mut |field, id| {
        // Each payload once, however many are in its group.
        if errors.iter().all(|error| error.field != field) {
            let detail =
                format!("differs from the one given before for {id}, who is in this group");
            errors.push(FieldError::new(field, FieldCode::Conflict, detail));
        }
    });
    if !errors.is_empty() {
        return Err(refused(ErrorCode::Invalid, errors));
    }
    if all.is_empty() {
        let detail = "holds nobody to whom this could go";
        return Err(ApiError::field("toGroups", FieldCode::Empty, detail));
    }
    if all.len() > RECIPIENTS_MAX {
        let detail = format!(
            "comes to {} recipients; at most {RECIPIENTS_MAX} are allowed",
            all.len()
        );
        return Err(ApiError::field("toGroups", FieldCode::TooMany, detail));
    }
    Ok(all)
}

fn check_known(state: &State, groups: &[GroupRecipient]) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    for group in groups {
        match state.groups.get(&group.id) {
            None => return Err(ApiError::new(ErrorCode::Internal, "a group was not loaded")),
            Some(Some(_)) => {}
            Some(None) => {
                let detail = format!("{} is no group", group.id);
                errors.push(FieldError::new(
                    format!("{}.groupId", group.field),
                    FieldCode::UnknownGroup,
                    detail,
                ));
            }
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(refused(ErrorCode::UnknownGroup, errors))
    }
}

/// The refusal of recipients, in the order in which they were named: what differs is a number between two equal texts.
pub(crate) fn refused(code: ErrorCode, mut errors: Vec<FieldError>) -> ApiError {
    errors.sort_by_key(|error| (error.field.len(), error.field.clone()));
    ApiError::fields(code, errors)
}

fn everyone_or<'a>(
    state: &State,
    actor: &ParticipantId,
    named: &'a [Recipient],
    groups: &[GroupRecipient],
    conflict: &mut dyn FnMut(String, &ParticipantId),
) -> Cow<'a, [Recipient]> {
    if groups.is_empty() {
        return Cow::Borrowed(named);
    }
    let mut all: BTreeMap<ParticipantId, Recipient> = named
        .iter()
        .map(|recipient| (recipient.id.clone(), recipient.clone()))
        .collect();
    for group in groups {
        let members = state.groups.get(&group.id).and_then(Option::as_ref);
        for member in members.iter().flat_map(|members| members.iter()) {
            let Some(row) = state.participants.get(&member.no) else {
                continue;
            };
            // Who is shut out is not in it: one of seventeen who left must not hold an emergency up.
            if row.disabled || row.id == *actor || (group.on_duty_only && !member.on_duty) {
                continue;
            }
            let recipient = all.entry(row.id.clone()).or_insert_with(|| Recipient {
                id: row.id.clone(),
                field: format!("{}.groupId", group.field),
                payloads: crate::Payloads::default(),
            });
            let own = &mut recipient.payloads;
            for (name, own, given) in [
                (
                    "onDeliveredPayload",
                    &mut own.on_delivered,
                    &group.payloads.on_delivered,
                ),
                ("onReadPayload", &mut own.on_read, &group.payloads.on_read),
            ] {
                if !merge(own, given.as_ref()) {
                    conflict(format!("{}.{name}", group.field), &row.id);
                }
            }
        }
    }
    Cow::Owned(all.into_values().collect())
}

/// One that is given and one that is left out are merged; two that differ are not.
fn merge(own: &mut Option<Payload>, given: Option<&Payload>) -> bool {
    match (&own, given) {
        (_, None) => true,
        (Some(own), Some(given)) => own == given,
        (None, Some(given)) => {
            *own = Some(given.clone());
            true
        }
    }
}
