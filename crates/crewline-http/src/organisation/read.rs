//! Reading what is to be kept, every fault by name.

use std::collections::BTreeSet;

use crewline_api::limits::{
    MESSAGE_CHARS_MAX, PHONE_CHARS_MAX, PHRASES_MAX, SHORTCUT_CHARS_MAX, TO_GROUPS_MAX,
};
use crewline_api::{
    ApiError, EmergencyPhone, FieldCode, ParticipantId, Phrase, Phrases, Priority, Sos,
};

use crate::body::JsonBody;
use crate::chat::read_to_group;
use crate::fault::{Faults, Place};
use crate::fields::Fields;
use crate::id::read_id;
use crate::json::Json;
use crate::text::{Read, check_chars, check_not_empty};

fn too_many(field: &'static str, count: usize, max: usize, faults: &Faults) {
    if count > max {
        let detail = format!("holds {count}; at most {max} are allowed");
        faults.add(field, FieldCode::TooMany, detail);
    }
}

pub(crate) fn phrases(body: &JsonBody) -> Result<Phrases, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let revision = fields.whole("revision").unwrap_or_default();
    let list = fields.list("phrases").unwrap_or_default();
    fields.end();
    too_many("phrases", list.len(), PHRASES_MAX, &faults);
    let list = list.into_iter().take(PHRASES_MAX).enumerate();
    let phrases: Vec<Phrase> = list
        .filter_map(|(index, item)| phrase(item, index, &faults))
        .collect();
    twice(&phrases, &faults);
    faults.finish(|| Ok(Phrases { revision, phrases }))
}

fn phrase(item: Json<'_>, index: usize, faults: &Faults) -> Option<Phrase> {
    let mut fields = Fields::of_item(item, Place::Item("phrases", index), faults)?;
    let phrase_id = fields.parsed("phraseId", read_id::<ParticipantId>);
    let text = fields.parsed("text", phrase_text);
    let shortcut = fields.optional_parsed("shortcut", shortcut);
    let priority = fields.optional_whole("priority").map(Priority::try_from);
    fields.end();
    if let Some(Err(must)) = priority {
        let field = format!("phrases[{index}].priority");
        faults.add(field, FieldCode::OutOfRange, must.to_owned());
    }
    Some(Phrase {
        phrase_id: phrase_id?.to_string(),
        text: text?,
        shortcut,
        priority: priority.and_then(Result::ok),
    })
}

fn twice(phrases: &[Phrase], faults: &Faults) {
    let (mut ids, mut shortcuts) = (BTreeSet::new(), BTreeSet::new());
    for (index, phrase) in phrases.iter().enumerate() {
        if !ids.insert(&phrase.phrase_id) {
            let field = format!("phrases[{index}].phraseId");
            faults.add(
                field,
                FieldCode::Conflict,
                "is that of another phrase".to_owned(),
            );
        }
        if let Some(shortcut) = &phrase.shortcut
            && !shortcuts.insert(shortcut)
        {
            let field = format!("phrases[{index}].shortcut");
            faults.add(
                field,
                FieldCode::Conflict,
                "is that of another phrase".to_owned(),
            );
        }
    }
}

/// A text whose fields can be filled: each brace that opens closes around a name.
fn phrase_text(text: &str) -> Read<String> {
    if text.trim().is_empty() {
        return Err((FieldCode::Empty, "holds nothing but white space".to_owned()));
    }
    check_chars(text, MESSAGE_CHARS_MAX)?;
    let mut parts = text.split('{');
    let before = parts.next().unwrap_or_default();
    let well = !before.contains('}')
        && parts.all(|part| {
            let field = part.split_once('}');
            field.is_some_and(|(name, rest)| !name.trim().is_empty() && !rest.contains('}'))
        });
    if well {
        Ok(text.to_owned())
    } else {
        let detail = "has a brace that is not one around the name of a field, such as {line}";
        Err((FieldCode::Malformed, detail.to_owned()))
    }
}

fn shortcut(text: &str) -> Read<String> {
    check_not_empty(text)?;
    check_chars(text, SHORTCUT_CHARS_MAX)?;
    if text.contains(char::is_whitespace) {
        Err((FieldCode::Malformed, "holds white space".to_owned()))
    } else {
        Ok(text.to_owned())
    }
}

/// A telephone number as people write it.
fn number(text: &str) -> Read<String> {
    check_chars(text, PHONE_CHARS_MAX)?;
    let fits = |c: char| c.is_ascii_digit() || " +-/().*#".contains(c);
    if text.chars().all(fits) && text.chars().any(|c| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        let detail = "is no telephone number: digits, spaces and + - / ( ) . * #";
        Err((FieldCode::Malformed, detail.to_owned()))
    }
}

pub(crate) fn sos(body: &JsonBody) -> Result<Sos, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let revision = fields.whole("revision").unwrap_or_default();
    let users = fields.optional_texts("toUsers", read_id::<ParticipantId>);
    let groups = fields.optional_list("toGroups").unwrap_or_default();
    let externals = fields.optional_texts("toExternals", read_id::<ParticipantId>);
    let phone = fields.optional_parsed("phone", number);
    fields.end();
    let groups = groups.into_iter().enumerate();
    let groups = groups.filter_map(|(index, item)| read_to_group(item, index, &faults));
    let sos = Sos {
        revision,
        to_users: users.unwrap_or_default(),
        to_groups: groups.collect(),
        to_externals: externals.unwrap_or_default(),
        phone,
    };
    too_many("toUsers", sos.to_users.len(), TO_GROUPS_MAX, &faults);
    too_many("toGroups", sos.to_groups.len(), TO_GROUPS_MAX, &faults);
    too_many(
        "toExternals",
        sos.to_externals.len(),
        TO_GROUPS_MAX,
        &faults,
    );
    faults.finish(|| Ok(sos))
}

pub(crate) fn phone(body: &JsonBody) -> Result<EmergencyPhone, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let revision = fields.whole("revision").unwrap_or_default();
    let number = fields.optional_parsed("number", number);
    fields.end();
    faults.finish(|| Ok(EmergencyPhone { revision, number }))
}
