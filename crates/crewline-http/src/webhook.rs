//! `/api/v1/webhooks`: the list, one, and what is done to it. For administrators, and for externals of their own.
//!
//! Posting is not done here: who put the server together says how (see [`crate::App::try_webhooks_with`]).

pub(crate) mod read;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{
    ApiError, AuditKind, BoxFuture, NewWebhook, ParticipantId, Webhook, WebhookChanges,
    WebhookFailures, WebhookReplay, WebhookTested, Webhooks,
};
use crewline_core::{
    ExternalPattern, NewAudit, NewWebhookRow, Scope, WebhookAct, WebhookNo, WebhookRow,
    WebhookSecret,
};

use crate::answer::{json, page};
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::directory::{act, change};
use crate::id::{PathIds, number_in_path};
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};
use read::{read_change, read_new, read_replay};

refusals!(ReadRefusals: READ, [NotAllowed, NotFound]);
refusals!(ActRefusals: CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(ChangeRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(PlaceRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound, AheadOfLog]);

/// Posts a test event to a webhook now.
pub type WebhookTrial =
    std::sync::Arc<dyn Fn(WebhookRow) -> BoxFuture<'static, WebhookTested> + Send + Sync>;

/// See the webhooks.
///
/// Administrators see all, an external those of its own.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "webhooks",
    params(
        ("participant" = Option<ParticipantId>, Query, description = "Those that read this participant's log; all if left out"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "3"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of webhooks, oldest first", body = Webhooks), ReadRefusals)
)]
pub(crate) async fn get_webhooks(
    State(edge): State<Edge>,
    caller: Caller,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["participant", "after", "limit"]);
    let participant = query.parsed("participant", |text| caller.read_named(text));
    let after = query.seq("after").unwrap_or(0) as i64;
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    caller.must_keep_webhooks()?;
    let rows = edge.engine.read(|reader| reader.webhooks()).await?;
    let mut shown: Vec<Webhook> = rows
        .iter()
        .filter(|row| row.no.0 > after && caller.keeps(row))
        .filter(|row| participant.as_ref().is_none_or(|id| *id == row.id))
        .take(limit + 1)
        .map(WebhookRow::shown)
        .collect();
    let next = page(&mut shown, limit, |webhook| webhook.webhook_id.clone());
    let page = Webhooks {
        webhooks: shown,
        next,
    };
    Ok(json(StatusCode::OK, &page))
}

/// Add a webhook.
///
/// Events of the participant's log are posted to the URL from now on, or from behind `after`: one after the other, each at
/// least once, signed as Standard Webhooks says. The secret is in this answer, and never shown again. Saying it again adds
/// another one.
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "webhooks",
    request_body(content = NewWebhook, example = json!({"participant": "scada:dms", "url": "https://outage.example.org/crewline", "types": ["message.acknowledged"]})),
    responses((status = 201, description = "The webhook, with its secret", body = Webhook), PlaceRefusals)
)]
pub(crate) async fn post_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    caller.must_keep_webhooks()?;
    let (participant, url, kinds, after) = read_new(&caller, &body)?;
    if let Scope::Externals(_) = caller.credential().scope {
        caller.external(&edge, &participant).await?;
    }
    let note = caller.does(AuditKind::WebhookAdded);
    let note = note.detail(format!("of {participant} to {}", url.host()));
    let secret = WebhookSecret::from_random(edge.engine.random());
    let new = NewWebhookRow {
        participant,
        url,
        kinds,
        secret: secret.clone(),
        after,
    };
    let no = act(&edge, note, move |directory, notes, now| {
        let no = directory.add_webhook(&new, now)?;
        for note in notes {
            note.about = Some(format!("webhook {}", no.0));
        }
        Ok(no)
    })
    .await?;
    let row = find(&edge, &caller, no).await?;
    told(&caller, &row, "a webhook is added");
    let secret = Some(secret.reveal().to_owned());
    let shown = Webhook {
        secret,
        ..row.shown()
    };
    Ok(json(StatusCode::CREATED, &shown))
}

/// See a webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhookId}", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    responses((status = 200, description = "The webhook", body = Webhook), ReadRefusals)
)]
pub(crate) async fn get_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    Ok(json(StatusCode::OK, &row.shown()))
}

/// Give a webhook another URL and other kinds of events.
///
/// Both are replaced: without `types` it gets all kinds. Secret and place in the log stay.
#[utoipa::path(
    put, path = "/api/v1/webhooks/{webhookId}", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    request_body(content = WebhookChanges, example = json!({"url": "https://outage.example.org/crewline"})),
    responses((status = 200, description = "The webhook as it is now", body = Webhook), ChangeRefusals)
)]
pub(crate) async fn put_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let change = read_change(&body)?;
    done(&edge, &caller, &row, change, "a webhook is changed").await
}

/// Remove a webhook.
///
/// Its cursor goes with it, and what it failed at. A post that is under way may still arrive.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{webhookId}", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), ActRefusals)
)]
pub(crate) async fn delete_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let no = row.no;
    let note = noted(&caller, &row, AuditKind::WebhookRemoved);
    let removed = change(&edge, note, move |directory, _| {
        directory.remove_webhook(no)
    });
    if !removed.await? {
        return Err(ApiError::not_found().into());
    }
    told(&caller, &row, "a webhook is removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Pause a webhook.
///
/// Nothing is posted until it is resumed; its cursor waits, and nothing is lost that the log keeps.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhookId}/pause", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    responses((status = 200, description = "The webhook as it is now", body = Webhook), ActRefusals)
)]
pub(crate) async fn pause_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let pause = WebhookAct::Pause(format!("paused by {}", caller.actor_name()));
    done(&edge, &caller, &row, pause, "a webhook is paused").await
}

/// Resume a webhook.
///
/// It goes on from where its cursor stands, at once: also one that is not paused, and waits to try an event again.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhookId}/resume", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    responses((status = 200, description = "The webhook as it is now", body = Webhook), ActRefusals)
)]
pub(crate) async fn resume_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let resume = WebhookAct::Resume;
    done(&edge, &caller, &row, resume, "a webhook is resumed").await
}

/// Post a test event now, and see what is answered.
///
/// An event of the type `webhook.test`, which stands in no log, signed like every other; also where the webhook is paused.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhookId}/test", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    responses((status = 200, description = "What was answered, within 15 seconds", body = WebhookTested), ActRefusals)
)]
pub(crate) async fn test_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let trial = edge.webhook_trial.get().ok_or_else(internal)?;
    Ok(json(StatusCode::OK, &trial(row).await))
}

/// See what a webhook's receiver did not take.
///
/// The event that is tried again now, and those that were parked, with the last answer to each.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhookId}/failures", tag = "webhooks",
    params(
        ("webhookId" = String, Path, description = "Its id"),
        ("after" = Option<u64>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of events, oldest first", body = WebhookFailures), ReadRefusals)
)]
pub(crate) async fn get_failures(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["after", "limit"]);
    let after = query.whole("after", 0..=i64::MAX as u64).unwrap_or(0);
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let row = named(&edge, &caller, &id).await?;
    let no = row.no;
    let mut failures = edge
        .engine
        .read(move |reader| reader.webhook_failures(no, after, limit + 1))
        .await?;
    let next = page(&mut failures, limit, |failure| failure.seq);
    let page = WebhookFailures {
        failures,
        dropped: row.dropped,
        next,
    };
    Ok(json(StatusCode::OK, &page))
}

/// Post events again.
///
/// Either everything `from` an event on, in order, or one `parked` event by itself. Each has the id that it had before.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhookId}/replay", tag = "webhooks",
    params(("webhookId" = String, Path, description = "Its id")),
    request_body(content = WebhookReplay, example = json!({"from": 118})),
    responses((status = 200, description = "The webhook as it is now", body = Webhook), PlaceRefusals)
)]
pub(crate) async fn replay_webhook(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let row = named(&edge, &caller, &id).await?;
    let replay = read_replay(&body)?;
    done(&edge, &caller, &row, replay, "a webhook posts again").await
}

/// Carries an act out, and shows what the webhook is then.
async fn done(
    edge: &Edge,
    caller: &Caller,
    row: &WebhookRow,
    wanted: WebhookAct,
    what: &'static str,
) -> Answered {
    let no = row.no;
    let note = noted(caller, row, AuditKind::WebhookChanged).detail(what);
    act(edge, note, move |directory, _, _| {
        directory.act_on_webhook(no, &wanted)
    })
    .await?;
    told(caller, row, what);
    let row = find(edge, caller, no).await?;
    Ok(json(StatusCode::OK, &row.shown()))
}

/// A row of the audit about a webhook.
fn noted(caller: &Caller, row: &WebhookRow, what: AuditKind) -> NewAudit {
    caller.does(what).about(format!("webhook {}", row.no.0))
}

/// Says in the log who did what. The URL may hold a secret: only its host is told.
fn told(caller: &Caller, row: &WebhookRow, what: &'static str) {
    let actor = caller.actor_name();
    tracing::info!(%actor, webhook = row.no.0, participant = %row.id, host = row.url.host(), "{what}");
}

/// A webhook of a path. What the caller may not see does not exist.
async fn named(edge: &Edge, caller: &Caller, id: &str) -> Result<WebhookRow, ApiError> {
    caller.must_keep_webhooks()?;
    find(edge, caller, WebhookNo(number_in_path(id)?)).await
}

async fn find(edge: &Edge, caller: &Caller, no: WebhookNo) -> Result<WebhookRow, ApiError> {
    let rows = edge.engine.read(|reader| reader.webhooks()).await?;
    rows.into_iter()
        .find(|row| row.no == no && caller.keeps(row))
        .ok_or_else(ApiError::not_found)
}

impl Caller {
    /// Refuses callers who have nothing to do with webhooks, before anything is looked at.
    fn must_keep_webhooks(&self) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Externals(_) => Ok(()),
            Scope::User { .. } | Scope::Administration => self.must_administer(),
        }
    }

    /// Whether a webhook is the caller's to see and to change.
    fn keeps(&self, row: &WebhookRow) -> bool {
        let covers = |pattern: &ExternalPattern| pattern.covers(&row.id);
        match &self.credential().scope {
            // A prefix covers no user.
            Scope::Externals(patterns) => row.external && patterns.iter().any(covers),
            Scope::User { .. } | Scope::Administration => true,
        }
    }
}
