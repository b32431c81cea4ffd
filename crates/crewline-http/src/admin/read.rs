//! Reading what administrators say.

use crewline_api::limits::PASSWORD_BYTES_MAX;
use crewline_api::{AddUser, ApiError, FieldCode, ParticipantId, UserChanges};
use crewline_core::{ExternalPattern, TokenOwner};

use crate::body::JsonBody;
use crate::fault::{Faults, quoted};
use crate::fields::Fields;
use crate::id::read_id;
use crate::problem::internal;
use crate::text::{self, Read, check_bytes};

/// Fewest bytes of a password that an administrator sets.
const PASSWORD_BYTES_MIN: usize = 8;

/// A name to show.
fn read_name(text: &str) -> Read<String> {
    if text.is_empty() {
        let detail = "is empty; leave it out, or say the id";
        return Err((FieldCode::Empty, detail.to_owned()));
    }
    text::read_name(text)
}

fn read_password(text: &str) -> Read<String> {
    let bytes = text.len();
    if bytes < PASSWORD_BYTES_MIN {
        let detail = format!("has {bytes} bytes; at least {PASSWORD_BYTES_MIN} are needed");
        return Err((FieldCode::OutOfRange, detail));
    }
    check_bytes(text, PASSWORD_BYTES_MAX)?;
    Ok(text.to_owned())
}

fn read_role<T: std::str::FromStr<Err = String>>(text: &str) -> Read<T> {
    text.parse().map_err(|_| {
        let detail = format!(
            "is {}, and must be crew, dispatcher or administrator",
            quoted(text)
        );
        (FieldCode::OutOfRange, detail)
    })
}

pub(crate) fn read_user(body: &JsonBody) -> Result<AddUser, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let user_id = fields.parsed("userId", read_id::<ParticipantId>);
    let name = fields.optional_parsed("name", read_name);
    let role = fields.optional_parsed("role", read_role);
    let given = fields.has("password");
    let password = fields.optional_parsed("password", read_password);
    let without_password = fields.flag("withoutPassword");
    if without_password && given {
        fields.conflict("withoutPassword", "cannot stand beside `password`");
    }
    fields.end();
    faults.finish(|| {
        Ok(AddUser {
            user_id: user_id.ok_or_else(internal)?,
            name,
            role: role.unwrap_or_default(),
            password,
            without_password,
        })
    })
}

pub(crate) fn read_changes(body: &JsonBody) -> Result<UserChanges, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let given = ["name", "role", "disabled"];
    if !given.iter().any(|name| fields.has(name)) {
        let detail = "names nothing to be changed: `name`, `role` or `disabled`";
        faults.add("body", FieldCode::Required, detail);
    }
    let name = fields.optional_parsed("name", read_name);
    let role = fields.optional_parsed("role", read_role);
    let disabled = fields.has("disabled").then(|| fields.flag("disabled"));
    fields.end();
    faults.finish(|| {
        Ok(UserChanges {
            name,
            role,
            disabled,
        })
    })
}

/// A password, where there is one. A body that is left out says nothing.
pub(crate) fn read_new_password(body: JsonBody) -> Result<Option<String>, ApiError> {
    let (body, faults) = (body.or_nothing(), Faults::default());
    let mut fields = body.fields(&faults)?;
    let password = fields.optional_parsed("password", read_password);
    fields.end();
    faults.finish(|| Ok(password))
}

/// Whether tokens are revoked, too.
pub(crate) fn read_sign_out(body: JsonBody) -> Result<bool, ApiError> {
    let (body, faults) = (body.or_nothing(), Faults::default());
    let mut fields = body.fields(&faults)?;
    let tokens = fields.flag("tokens");
    fields.end();
    faults.finish(|| Ok(tokens))
}

/// To whom a token will belong.
pub(crate) fn read_token(body: &JsonBody) -> Result<TokenOwner, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let given = ["userId", "externals", "administration"];
    let count = given.iter().filter(|name| fields.has(name)).count();
    let user = fields.optional_parsed("userId", read_id::<ParticipantId>);
    let externals = read_externals(&mut fields, &faults);
    let administration = fields.flag("administration");
    if count != 1 {
        let detail = "must say one of `userId`, `externals` and `administration`";
        faults.add("body", FieldCode::Required, detail);
    }
    fields.end();
    let owner = user
        .map(TokenOwner::User)
        .or(externals.map(TokenOwner::Externals))
        .or(administration.then_some(TokenOwner::Administration));
    faults.finish(|| {
        let detail = "must be true, or left out";
        owner.ok_or_else(|| ApiError::field("administration", FieldCode::OutOfRange, detail))
    })
}

fn read_externals(fields: &mut Fields<'_, '_>, faults: &Faults) -> Option<Vec<ExternalPattern>> {
    let read = |text: &str| {
        ExternalPattern::parse(text).map_err(|error| (FieldCode::Malformed, error.to_string()))
    };
    let mut patterns = fields.optional_texts("externals", read)?;
    if patterns.is_empty() {
        faults.add("externals", FieldCode::Empty, "names no external");
    }
    let mut seen = std::collections::BTreeSet::new();
    patterns.retain(|pattern| seen.insert(pattern.clone()));
    Some(patterns)
}
