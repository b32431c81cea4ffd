//! Checks of messages and their recipients: everything that can be said without the directory, every fault by name.

use std::collections::BTreeMap;

use crate::limits::{
    MESSAGE_CHARS_MAX, NAME_CHARS_MAX, PAYLOAD_BYTES_MAX, RECIPIENTS_MAX, TO_GROUPS_MAX,
};
use crate::{
    FieldCode, FieldError, GroupId, NewMessageGroup, NewMessageUser, ParticipantId, Payload,
};

/// Checks what can be checked of a message without the directory.
pub(crate) fn check_message(
    from: &str,
    name: &str,
    (to_users, to_groups): (&[NewMessageUser], &[NewMessageGroup]),
    text: &str,
    errors: &mut Vec<FieldError>,
) {
    check_id("fromExtUserId", from, errors);
    check_name("fromExtUserName", name, errors);
    check_recipients(to_users, !to_groups.is_empty(), from, errors);
    check_groups(to_groups, errors);
    check_text("message", text, errors);
}

/// The error of a field that holds an id.
pub fn id_error(field: &str, error: &crate::IdError) -> FieldError {
    use crate::IdError as E;
    let code = match error {
        E::Empty => FieldCode::Empty,
        E::TooLong { .. } => FieldCode::TooLong,
        E::Control(_) | E::Malformed | E::Reserved(_) => FieldCode::Malformed,
    };
    FieldError::new(field, code, error.to_string())
}

/// Checks an id of a participant.
pub(crate) fn check_id(
    field: &str,
    id: &str,
    errors: &mut Vec<FieldError>,
) -> Option<ParticipantId> {
    ParticipantId::new(id)
        .map_err(|error| errors.push(id_error(field, &error)))
        .ok()
}

/// Checks a name: 1 to 255 characters, no U+0000.
pub(crate) fn check_name(field: &str, name: &str, errors: &mut Vec<FieldError>) {
    check_chars(field, name, NAME_CHARS_MAX, errors);
}

/// Checks the text of a message: 1 to 4,000 characters, not only white space, no U+0000.
pub(crate) fn check_text(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    if !text.is_empty() && text.chars().all(char::is_whitespace) {
        errors.push(FieldError::new(
            field,
            FieldCode::Empty,
            "holds only white space",
        ));
    } else {
        check_chars(field, text, MESSAGE_CHARS_MAX, errors);
    }
}

fn check_chars(field: &str, text: &str, max: usize, errors: &mut Vec<FieldError>) {
    if text.is_empty() {
        errors.push(FieldError::new(field, FieldCode::Empty, "is empty"));
    } else if text.contains('\0') {
        errors.push(FieldError::new(
            field,
            FieldCode::Malformed,
            "holds the control character U+0000",
        ));
    } else if text.len() > max {
        // There are at least as many bytes as characters: short texts are not counted.
        let chars = text.chars().count();
        if chars > max {
            errors.push(FieldError::new(
                field,
                FieldCode::TooLong,
                format!("has {chars} characters; at most {max} are allowed"),
            ));
        }
    }
}

fn check_recipients(
    to_users: &[NewMessageUser],
    with_groups: bool,
    sender: &str,
    errors: &mut Vec<FieldError>,
) {
    let mut seen: BTreeMap<&str, (Option<&Payload>, Option<&Payload>)> = BTreeMap::new();
    for (index, user) in to_users.iter().enumerate() {
        check_id(
            &format!("toUsers[{index}].toUserId"),
            &user.to_user_id,
            errors,
        );
        let first = seen.entry(&user.to_user_id).or_default();
        let item = || format!("toUsers[{index}]");
        check_payload(
            &item,
            "onDeliveredPayload",
            user.on_delivered_payload.as_ref(),
            &mut first.0,
            errors,
        );
        check_payload(
            &item,
            "onReadPayload",
            user.on_read_payload.as_ref(),
            &mut first.1,
            errors,
        );
    }
    seen.remove(sender);
    // Who else is in a group shows when it is resolved.
    if !with_groups || seen.len() > RECIPIENTS_MAX {
        check_recipient_count("toUsers", to_users.is_empty(), seen.len(), errors);
    }
}

fn check_groups(to_groups: &[NewMessageGroup], errors: &mut Vec<FieldError>) {
    let mut seen: BTreeMap<_, (Option<&Payload>, Option<&Payload>)> = BTreeMap::new();
    check_to_groups(to_groups.len(), errors);
    for (index, group) in to_groups.iter().enumerate() {
        let item = || format!("toGroups[{index}]");
        if let Err(error) = GroupId::new(&group.group_id) {
            errors.push(id_error(&format!("{}.groupId", item()), &error));
        }
        let first = seen
            .entry((&group.group_id, group.on_duty_only))
            .or_default();
        let delivered = group.on_delivered_payload.as_ref();
        check_payload(&item, "onDeliveredPayload", delivered, &mut first.0, errors);
        let read = group.on_read_payload.as_ref();
        check_payload(&item, "onReadPayload", read, &mut first.1, errors);
    }
}

/// Checks how many groups are named.
pub fn check_to_groups(count: usize, errors: &mut Vec<FieldError>) {
    if count > TO_GROUPS_MAX {
        let detail = format!("names {count} groups; at most {TO_GROUPS_MAX} are allowed");
        errors.push(FieldError::new("toGroups", FieldCode::TooMany, detail));
    }
}

fn check_payload<'a>(
    item: &dyn Fn() -> String,
    name: &str,
    payload: Option<&'a Payload>,
    first: &mut Option<&'a Payload>,
    errors: &mut Vec<FieldError>,
) {
    let Some(payload) = payload.filter(|payload| !payload.as_bytes().is_empty()) else {
        return;
    };
    let field = || format!("{}.{name}", item());
    let bytes = payload.as_bytes().len();
    if bytes > PAYLOAD_BYTES_MAX {
        let detail = format!("has {bytes} bytes; at most {PAYLOAD_BYTES_MAX} are allowed");
        errors.push(FieldError::new(field(), FieldCode::TooLong, detail));
    } else if first.is_some_and(|first| first != payload) {
        errors.push(FieldError::new(
            field(),
            FieldCode::Conflict,
            "differs from the one given before for the same recipient",
        ));
    } else {
        *first = Some(payload);
    }
}

/// Checks how many recipients are left when duplicates and the sender are gone.
pub fn check_recipient_count(
    field: &str,
    none_given: bool,
    left: usize,
    errors: &mut Vec<FieldError>,
) {
    if none_given {
        errors.push(FieldError::new(field, FieldCode::Empty, "names nobody"));
    } else if left == 0 {
        errors.push(FieldError::new(
            field,
            FieldCode::Empty,
            "names nobody but the sender",
        ));
    } else if left > RECIPIENTS_MAX {
        let detail = format!("names {left} recipients; at most {RECIPIENTS_MAX} are allowed");
        errors.push(FieldError::new(field, FieldCode::TooMany, detail));
    }
}
