//! Groups, and who is on duty.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::limits::{GROUP_MEMBERS_MAX, PAGE_DEFAULT};
use crewline_api::{
    ApiError, AuditKind, Duty, ErrorCode, FieldCode, GroupId, GroupsPage, NewDuty, NewGroup,
    ParticipantId,
};
use crewline_core::{GroupRow, Scope};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::directory::{act, change, refused, try_act};
use crate::fault::Faults;
use crate::id::{PathIds, read_id};
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};
use crate::text::read_name;

refusals!(GroupsRefusals: READ);
refusals!(PutGroupRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound, UnknownRecipient]);
refusals!(RemoveGroupRefusals: CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(DutyRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);

/// See the groups.
///
/// For everybody who is let in. Sorted by id byte by byte. `on-duty`, which is everyone on duty, is not among them.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "groups",
    params(
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "crew-north"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of groups", body = GroupsPage), GroupsRefusals)
)]
pub(crate) async fn get_groups(State(edge): State<Edge>, _: Caller, request: Request) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["after", "limit"]);
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let page = edge
        .engine
        .read(move |reader| reader.groups(after.as_deref(), limit))
        .await?;
    Ok(json(StatusCode::OK, &page))
}

/// Make a group, or change it.
///
/// For dispatchers, administrators, and tokens of administration. What is said takes the place of what was. Messages that
/// were sent to the group before stay as they are: their recipients are who was in it then. The id `on-duty` is taken.
#[utoipa::path(
    put, path = "/api/v1/groups/{groupId}", tag = "groups",
    params(("groupId" = GroupId, Path, description = "The group")),
    request_body(content = NewGroup, example = json!({"name": "Crew north", "userIds": ["alice", "bob"]})),
    responses(
        (status = 201, description = "The group is new"),
        (status = 204, description = "The group is as was said"),
        PutGroupRefusals
    )
)]
pub(crate) async fn put_group(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_dispatch()?;
    let id = GroupId::new(id).map_err(|_| ApiError::not_found())?;
    let NewGroup { name, user_ids } = read_group(&body)?;
    let (group, members) = (id.clone(), user_ids.len());
    let note = caller.does(AuditKind::GroupPut).about(id.as_str());
    let note = note.detail(format!("{members} users"));
    let row = GroupRow {
        id,
        name,
        members: user_ids.clone(),
    };
    let done = try_act(&edge, note, move |directory, _, now| {
        directory.put_groups(&[row], now)
    })
    .await?;
    let new = done.map_err(|error| refused_members(error, &user_ids))?;
    let actor = caller.actor_name();
    edge.live.note_change();
    tracing::info!(%actor, %group, members, "a group was put");
    let status = if new > 0 {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    };
    Ok(status.into_response())
}

pub(crate) fn read_group(body: &JsonBody) -> Result<NewGroup, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let name = fields.parsed("name", read_name);
    let user_ids = fields.texts("userIds", read_id::<ParticipantId>);
    fields.end();
    if let Some(user_ids) = &user_ids
        && user_ids.len() > GROUP_MEMBERS_MAX
    {
        let detail = format!(
            "holds {} users; at most {GROUP_MEMBERS_MAX} are allowed",
            user_ids.len()
        );
        faults.add("userIds", FieldCode::TooMany, detail);
    }
    let group = name.zip(user_ids);
    faults.finish(|| {
        let (name, user_ids) = group.ok_or_else(internal)?;
        Ok(NewGroup { name, user_ids })
    })
}

/// The refusal, with the places of those who are no users.
fn refused_members(error: crewline_core::DirectoryError, ids: &[ParticipantId]) -> ApiError {
    let crewline_core::DirectoryError::UnknownMembers(unknown) = &error else {
        return refused(error);
    };
    let named = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| unknown.contains(id));
    let errors = named.map(|(index, id)| {
        crewline_api::FieldError::new(
            format!("userIds[{index}]"),
            FieldCode::UnknownRecipient,
            format!("{id} is no user"),
        )
    });
    ApiError::fields(ErrorCode::UnknownRecipient, errors.collect())
}

/// Remove a group.
///
/// For dispatchers, administrators, and tokens of administration. It is no error where there was none.
#[utoipa::path(
    delete, path = "/api/v1/groups/{groupId}", tag = "groups",
    params(("groupId" = GroupId, Path, description = "The group")),
    responses((status = 204, description = "There is no such group"), RemoveGroupRefusals)
)]
pub(crate) async fn delete_group(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    caller.must_dispatch()?;
    let id = GroupId::new(id).map_err(|_| ApiError::not_found())?;
    let group = id.clone();
    let note = caller.does(AuditKind::GroupRemoved).about(id.as_str());
    if change(&edge, note, move |directory, _| directory.remove_group(&id)).await? {
        edge.live.note_change();
        let actor = caller.actor_name();
        tracing::info!(%actor, %group, "a group was removed");
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Say whether a user is on duty.
///
/// For dispatchers, administrators, and tokens of administration; and for users of themselves, who know best when their
/// shift begins. What is so already stays as it was said first.
#[utoipa::path(
    put, path = "/api/v1/people/{userId}/duty", tag = "groups",
    params(("userId" = ParticipantId, Path, description = "Who; `me` is the user who calls")),
    request_body(content = NewDuty, example = json!({"onDuty": true})),
    responses((status = 200, description = "What holds now", body = Duty), DutyRefusals)
)]
pub(crate) async fn put_duty(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = caller.named_in_path(&id);
    let own = matches!((&id, &caller.credential().scope), (Ok(id), Scope::User { id: own, .. }) if id == own);
    if !own {
        caller.must_dispatch()?;
    }
    let id = id?;
    let on_duty = read_duty(&body)?.on_duty;
    let (user, by) = (id.clone(), caller.actor_name());
    let note = caller.does(AuditKind::DutySaid).about(id.as_str());
    let note = note.detail(if on_duty { "on" } else { "off" });
    let row = act(&edge, note, move |directory, _, now| {
        directory.set_duty(&user, on_duty, &by, now)
    })
    .await?;
    let actor = caller.actor_name();
    edge.live.note_change();
    tracing::info!(%actor, user = %id, on_duty, "it was said who is on duty");
    let duty = Duty {
        user_id: id,
        on_duty: row.on_duty,
        since: Some(row.since),
        by: Some(row.by),
    };
    Ok(json(StatusCode::OK, &duty))
}

pub(crate) fn read_duty(body: &JsonBody) -> Result<NewDuty, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let given = fields.has("onDuty");
    let on_duty = fields.flag("onDuty");
    fields.end();
    if !given {
        let detail = "is needed, and was left out";
        faults.add("onDuty", FieldCode::Required, detail);
    }
    faults.finish(|| Ok(NewDuty { on_duty }))
}
