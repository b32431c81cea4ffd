//! `/api/v1/organisation`: stock phrases, whom an SOS goes to, and the number to call.

pub(crate) mod read;

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{
    ApiError, AuditKind, EmergencyPhone, ErrorCode, FieldCode, FieldError, Organisation,
    ParticipantId, Phrases, Sos,
};
use crewline_core::{OrganisationPart, OrganisationRow, Reader, Standing, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::directory::act;
use crate::problem::{Answered, internal};
use crate::query::NoQuery;
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(OrganisationRefusals: READ);
refusals!(PutRefusals: BODY, CALLER, WRITE, [NotAllowed, RevisionConflict]);
refusals!(PutSosRefusals: BODY, CALLER, WRITE, [NotAllowed, UnknownRecipient, RevisionConflict]);

/// See what the organisation keeps.
///
/// For everybody who is let in: stock phrases, whom an SOS goes to, the number to call.
#[utoipa::path(
    get, path = "/api/v1/organisation", tag = "organisation",
    responses((status = 200, description = "What it keeps", body = Organisation), OrganisationRefusals)
)]
pub(crate) async fn get_organisation(State(edge): State<Edge>, _: Caller, _: NoQuery) -> Answered {
    let whole = edge.engine.read(|reader| whole(reader)).await?;
    Ok(json(StatusCode::OK, &whole))
}

/// What the organisation keeps.
///
/// # Errors
/// Those of the store.
pub fn whole(reader: &dyn Reader) -> Result<Organisation, StoreError> {
    let rows = reader.organisation()?;
    let row = |part: OrganisationPart| rows.get(&part).cloned().unwrap_or_default();
    let (phrases, sos, phone) = (
        row(OrganisationPart::Phrases),
        row(OrganisationPart::Sos),
        row(OrganisationPart::Phone),
    );
    Ok(Organisation {
        phrases: Phrases {
            revision: phrases.revision,
            ..parsed(&phrases)
        },
        sos: Sos {
            revision: sos.revision,
            ..parsed(&sos)
        },
        phone: EmergencyPhone {
            revision: phone.revision,
            ..parsed(&phone)
        },
    })
}

/// What was kept. A part that never changed is empty, and so is one that only a newer version can read.
fn parsed<T: DeserializeOwned + Default>(row: &OrganisationRow) -> T {
    serde_json::from_str(&row.value).unwrap_or_default()
}

/// Checks a part as its call does; gives the revision that it says, and what is to be kept.
///
/// # Errors
/// Those of the store; the inner one names what is wrong.
pub fn organisation_part(
    reader: &dyn Reader,
    part: OrganisationPart,
    bytes: &[u8],
) -> Result<Result<(u64, String), ApiError>, StoreError> {
    let body = JsonBody::from(bytes::Bytes::copy_from_slice(bytes));
    let text = |value: serde_json::Result<String>| value.map_err(|_| internal());
    Ok(match part {
        OrganisationPart::Phrases => read::phrases(&body)
            .and_then(|phrases| Ok((phrases.revision, text(serde_json::to_string(&phrases))?))),
        OrganisationPart::Phone => read::phone(&body)
            .and_then(|phone| Ok((phone.revision, text(serde_json::to_string(&phone))?))),
        // Who sits at the desk says so by the calls for it.
        OrganisationPart::Desk => Err(ApiError::not_found()),
        OrganisationPart::Sos => match read::sos(&body) {
            Err(error) => Err(error),
            Ok(sos) => {
                let unknown = unknown(reader, &sos)?;
                if unknown.is_empty() {
                    text(serde_json::to_string(&sos)).map(|text| (sos.revision, text))
                } else {
                    Err(ApiError::fields(ErrorCode::UnknownRecipient, unknown))
                }
            }
        },
    })
}

async fn put(
    edge: &Edge,
    caller: &Caller,
    part: OrganisationPart,
    revision: u64,
    value: &impl Serialize,
) -> Result<u64, ApiError> {
    let text = serde_json::to_string(value).map_err(|_| internal())?;
    let note = caller
        .does(AuditKind::OrganisationChanged)
        .about(part.as_str());
    let revision = act(edge, note, move |directory, _, _| {
        directory.put_organisation(part, revision, &text)
    })
    .await?;
    let actor = caller.actor_name();
    tracing::info!(%actor, part = part.as_str(), revision, "what the organisation keeps was changed");
    Ok(revision)
}

/// Set the stock phrases.
///
/// For administrators. What is said takes the place of what was; `revision` is the one that was read, and where somebody
/// else was quicker it is refused (409).
#[utoipa::path(
    put, path = "/api/v1/organisation/phrases", tag = "organisation",
    request_body(content = Phrases, example = json!({"revision": 0, "phrases": [
        {"phraseId": "off", "text": "Switch off {line} at {time}", "shortcut": "off", "priority": 1}
    ]})),
    responses((status = 200, description = "As it stands now", body = Phrases), PutRefusals)
)]
pub(crate) async fn put_phrases(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_administer()?;
    let mut phrases = read::phrases(&body)?;
    let part = OrganisationPart::Phrases;
    phrases.revision = put(&edge, &caller, part, phrases.revision, &phrases).await?;
    Ok(json(StatusCode::OK, &phrases))
}

/// Set whom an SOS goes to.
///
/// For administrators; as the stock phrases. Everybody who is named must be known now; who is removed or shut out later is
/// for whoever sends the SOS to leave out.
#[utoipa::path(
    put, path = "/api/v1/organisation/sos", tag = "organisation",
    request_body(content = Sos, example = json!({"revision": 3, "toGroups": [{"groupId": "on-duty"}], "toExternals": ["desk"], "phone": "+49 30 1234567"})),
    responses((status = 200, description = "As it stands now", body = Sos), PutSosRefusals)
)]
pub(crate) async fn put_sos(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_administer()?;
    let mut sos = read::sos(&body)?;
    let asked = sos.clone();
    let unknown = edge.engine.read(move |reader| unknown(reader, &asked));
    let unknown = unknown.await?;
    if !unknown.is_empty() {
        return Err(ApiError::fields(ErrorCode::UnknownRecipient, unknown).into());
    }
    sos.revision = put(&edge, &caller, OrganisationPart::Sos, sos.revision, &sos).await?;
    Ok(json(StatusCode::OK, &sos))
}

/// Everybody of it who is not there.
fn unknown(reader: &dyn Reader, sos: &Sos) -> Result<Vec<FieldError>, StoreError> {
    let mut errors = Vec::new();
    let mut fault = |field: String, code, id: &str, what: &str| {
        errors.push(FieldError::new(field, code, format!("{id} is no {what}")));
    };
    let is = |id: &ParticipantId, standing| {
        let row = reader.participant(id)?;
        Ok::<_, StoreError>(row.is_some_and(|row| row.standing == standing))
    };
    for (index, id) in sos.to_users.iter().enumerate() {
        if !is(id, Standing::User)? {
            let field = format!("toUsers[{index}]");
            fault(field, FieldCode::UnknownRecipient, id.as_str(), "user");
        }
    }
    for (index, group) in sos.to_groups.iter().enumerate() {
        if reader.group_members(&group.group_id)?.is_none() {
            let field = format!("toGroups[{index}].groupId");
            fault(
                field,
                FieldCode::UnknownGroup,
                group.group_id.as_str(),
                "group",
            );
        }
    }
    for (index, id) in sos.to_externals.iter().enumerate() {
        if !is(id, Standing::External)? {
            let field = format!("toExternals[{index}]");
            fault(
                field,
                FieldCode::UnknownRecipient,
                id.as_str(),
                "external that has appeared",
            );
        }
    }
    Ok(errors)
}

/// Set the number to call for emergencies.
///
/// For administrators; as the stock phrases. Without `number` there is none.
#[utoipa::path(
    put, path = "/api/v1/organisation/phone", tag = "organisation",
    request_body(content = EmergencyPhone, example = json!({"revision": 0, "number": "112"})),
    responses((status = 200, description = "As it stands now", body = EmergencyPhone), PutRefusals)
)]
pub(crate) async fn put_phone(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_administer()?;
    let mut phone = read::phone(&body)?;
    let part = OrganisationPart::Phone;
    phone.revision = put(&edge, &caller, part, phone.revision, &phone).await?;
    Ok(json(StatusCode::OK, &phone))
}
