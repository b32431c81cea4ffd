//! `POST /api/v1/reach` and `GET /api/v1/people/presence`: who can be reached now.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::{PAGE_DEFAULT, RECIPIENTS_MAX, WAIT_S_MAX};
use crewline_api::{
    ApiError, AskReach, ErrorCode, FieldCode, FieldError, NewMessageUser, ParticipantId,
    ParticipantKind, PresencePage, Present, Reach, Reachable, Timestamp, Way,
};
use crewline_core::{Contact, ParticipantNo, Reader, Standing, StoreError};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::Faults;
use crate::fields::Fields;
use crate::message::{read_group, read_user};
use crate::problem::Answered;
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, refusals};

refusals!(ReachRefusals: BODY, CALLER, READ, [NotAllowed, UnknownRecipient, UnknownGroup]);
refusals!(PresenceRefusals: READ, [NotAllowed]);

/// Ask who can be reached now.
///
/// For dispatchers, administrators, tokens of administration and externals. Recipients are named as in a message, and come
/// to the same people; nothing is sent. `app` is who follows the own log now, over a socket or a stream; `push`
/// is who does not, and has a device that answered a test push and took the last one.
#[utoipa::path(
    post, path = "/api/v1/reach", tag = "people",
    request_body(content = AskReach, example = json!({"toUsers": [{"toUserId": "alice"}], "toGroups": [{"groupId": "crew-north", "onDutyOnly": true}]})),
    responses((status = 200, description = "Who of them can be reached", body = Reach), ReachRefusals)
)]
pub(crate) async fn post_reach(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_see_presence(true)?;
    let ask = read_ask(&body)?;
    let (own, now) = (caller.me().cloned(), edge.engine.now());
    let found = edge
        .engine
        .read(move |reader| everyone(reader, &ask, own.as_ref(), now))
        .await?;
    let people: Vec<Reachable> = found?
        .into_iter()
        .map(|(user_id, (no, seen))| {
            let (by, last_contact_at) = shown(&edge, no, &seen);
            Reachable {
                user_id,
                by,
                last_contact_at,
            }
        })
        .collect();
    let reachable = people.iter().filter(|person| person.by.is_some()).count();
    let reach = Reach {
        recipients: people.len() as u64,
        reachable: reachable as u64,
        people,
    };
    Ok(json(StatusCode::OK, &reach))
}

pub(crate) fn read_ask(body: &JsonBody) -> Result<AskReach, ApiError> {
    let faults = Faults::default();
    let mut fields: Fields<'_, '_> = body.fields(&faults)?;
    let users = fields.optional_list("toUsers").unwrap_or_default();
    let groups = fields.optional_list("toGroups").unwrap_or_default();
    fields.end();
    let users = users.into_iter().enumerate();
    let groups = groups.into_iter().enumerate();
    let ask = AskReach {
        to_users: users
            .map(|(index, item)| read_user(item, index, &faults))
            .collect(),
        to_groups: groups
            .map(|(index, item)| read_group(item, index, &faults))
            .collect(),
    };
    let mut errors = Vec::new();
    crewline_api::check_to_groups(ask.to_groups.len(), &mut errors);
    if ask.to_users.len() > RECIPIENTS_MAX {
        let count = ask.to_users.len();
        let detail = format!("names {count}; at most {RECIPIENTS_MAX} are allowed");
        errors.push(FieldError::new("toUsers", FieldCode::TooMany, detail));
    }
    faults.finish(|| {
        if errors.is_empty() {
            Ok(ask)
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    })
}

/// What is known of somebody who does not follow the own log now.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// When a device was last heard of, and which.
    contact: Option<Contact>,
    /// Whether a device can be woken.
    woken: bool,
}

type Found = BTreeMap<ParticipantId, (ParticipantNo, Seen)>;

/// Everybody who is named, by id, with when each was last heard of; or who of them is not known.
fn everyone(
    reader: &dyn Reader,
    ask: &AskReach,
    own: Option<&ParticipantId>,
    now: Timestamp,
) -> Result<Result<Found, ApiError>, StoreError> {
    let (mut found, mut errors) = (Found::new(), Vec::new());
    let mut code = ErrorCode::UnknownRecipient;
    for (index, user) in ask.to_users.iter().enumerate() {
        if let Some((id, no)) = named(reader, user)? {
            found.insert(id, (no, Seen::default()));
        } else {
            let detail = format!("{} is not known, or disabled", user.to_user_id);
            let field = format!("toUsers[{index}].toUserId");
            errors.push(FieldError::new(field, FieldCode::UnknownRecipient, detail));
        }
    }
    for (index, group) in ask.to_groups.iter().enumerate() {
        let id = crewline_api::GroupId::new(&group.group_id).ok();
        let members = id.map(|id| reader.group_members(&id)).transpose()?;
        let Some(members) = members.flatten() else {
            code = ErrorCode::UnknownGroup;
            let detail = format!("{} is no group", group.group_id);
            let field = format!("toGroups[{index}].groupId");
            errors.push(FieldError::new(field, FieldCode::UnknownGroup, detail));
            continue;
        };
        for (row, on_duty) in members {
            if !row.disabled && (on_duty || !group.on_duty_only) {
                found.insert(row.id, (row.no, Seen::default()));
            }
        }
    }
    if !errors.is_empty() {
        return Ok(Err(ApiError::fields(code, errors)));
    }
    if let Some(own) = own {
        found.remove(own);
    }
    let nos: Vec<_> = found.values().map(|(no, _)| *no).collect();
    let contacts = reader.last_contacts(&nos)?;
    let woken = woken(reader, now)?;
    for ((no, seen), contact) in found.values_mut().zip(contacts) {
        let woken = woken.contains(no);
        *seen = Seen { contact, woken };
    }
    Ok(Ok(found))
}

fn named(
    reader: &dyn Reader,
    user: &NewMessageUser,
) -> Result<Option<(ParticipantId, ParticipantNo)>, StoreError> {
    let Ok(id) = ParticipantId::new(&user.to_user_id) else {
        return Ok(None);
    };
    let row = reader.participant(&id)?;
    let row = row.filter(|row| !row.disabled && row.standing != Standing::Expected);
    Ok(row.map(|row| (id, row.no)))
}

/// By which way somebody can be reached, and when there was last contact: now, where there is one.
fn shown(edge: &Edge, no: ParticipantNo, seen: &Seen) -> (Option<Way>, Option<Timestamp>) {
    if edge.live.is_followed(no) || edge.engine.is_present_elsewhere(no) {
        (Some(Way::App), Some(edge.engine.now()))
    } else {
        let at = seen.contact.as_ref().map(|contact| contact.at);
        (seen.woken.then_some(Way::Push), at)
    }
}

/// Who can be woken by a push: a device has answered a test, and the last push to it went out. A subscription alone proves
/// nothing.
fn woken(reader: &dyn Reader, now: Timestamp) -> Result<HashSet<ParticipantNo>, StoreError> {
    let rows = reader.push_subscriptions(now)?;
    let proven = rows
        .into_iter()
        .filter(|row| row.proven_at.is_some() && row.last_error.is_none());
    Ok(proven.map(|row| row.participant).collect())
}

/// See who is there.
///
/// For dispatchers, administrators, and tokens of administration: all users that are not shut out, for the list of people at
/// a desk. With `since` and `wait` the answer is held back until somebody came or went, a group changed, or somebody's duty did; then
/// load the pages again. What another process changed in the store shows with the next change that the server makes.
#[utoipa::path(
    get, path = "/api/v1/people/presence", tag = "people",
    params(
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "alice"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many participants to look at; 100 if left out"),
        ("since" = Option<u64>, Query, description = "The `version` that is known"),
        ("wait" = Option<u8>, Query, minimum = 0, maximum = 60, description = "Seconds to wait for another version; 0 if left out"),
    ),
    responses((status = 200, description = "A page of users", body = PresencePage), PresenceRefusals)
)]
pub(crate) async fn get_presence(
    State(edge): State<Edge>,
    caller: Caller,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["after", "limit", "since", "wait"]);
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    let since = query.whole("since", 0..=i64::MAX as u64);
    let wait = query.whole("wait", 0..=WAIT_S_MAX).unwrap_or(0);
    query.finish()?;
    caller.must_see_presence(false)?;
    if let Some(since) = since.filter(|_| wait > 0) {
        news(&edge, since, Duration::from_secs(wait)).await;
        caller.check_still_known(&edge).await?;
    }
    // Read before the people: what changes meanwhile is news for the next call.
    let (version, now) = (edge.live.version(), edge.engine.now());
    let read = edge
        .engine
        .read(move |reader| users(reader, after.as_deref(), limit, now));
    let (rows, next) = read.await?;
    let people = rows.into_iter().map(|(mut present, no, seen)| {
        (present.by, present.last_contact_at) = shown(&edge, no, &seen);
        present.device_name = seen.contact.and_then(|contact| contact.device_name);
        present
    });
    let page = PresencePage {
        people: people.collect(),
        next,
        version,
    };
    Ok(json(StatusCode::OK, &page))
}

/// Waits until the version is another one.
async fn news(edge: &Edge, since: u64, wait: Duration) {
    let mut versions = edge.live.versions();
    let end = tokio::time::Instant::now() + wait;
    while *versions.borrow_and_update() == since {
        tokio::select! {
            changed = versions.changed() => if changed.is_err() { return },
            () = edge.stopping.cancelled() => return,
            () = tokio::time::sleep_until(end) => return,
        }
    }
}

type Rows = Vec<(Present, ParticipantNo, Seen)>;

fn users(
    reader: &dyn Reader,
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<(Rows, Option<String>), StoreError> {
    let page = reader.people("", after, limit)?;
    let users = page.people.into_iter();
    let users = users.filter(|person| person.kind == ParticipantKind::User);
    let mut rows = Vec::new();
    for person in users {
        let Some(row) = reader.participant(&person.user_id)? else {
            continue;
        };
        let present = Present {
            user_id: person.user_id,
            name: person.name,
            role: person.role,
            on_duty: person.on_duty,
            by: None,
            last_contact_at: None,
            device_name: None,
        };
        rows.push((present, row.no, Seen::default()));
    }
    let nos: Vec<_> = rows.iter().map(|(_, no, _)| *no).collect();
    let contacts = reader.last_contacts(&nos)?;
    let woken = woken(reader, now)?;
    for ((_, no, seen), contact) in rows.iter_mut().zip(contacts) {
        let woken = woken.contains(no);
        *seen = Seen { contact, woken };
    }
    Ok((rows, page.next))
}
