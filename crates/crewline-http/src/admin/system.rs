//! `/api/v1/admin/state` and `/api/v1/admin/retention`: how the server is, and what it keeps.

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{Kept, StoreState, SystemState};

use crate::answer::json;
use crate::app::Edge;
use crate::audit::Administrator;
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{READ, refusals};

refusals!(StateRefusals: READ, [NotAllowed]);

/// See how the server is.
///
/// For administrators: its version, the store, what is open, what waits, and the latest warnings and errors of its log.
#[utoipa::path(
    get, path = "/api/v1/admin/state", tag = "administration",
    responses((status = 200, description = "How it is now", body = SystemState), StateRefusals)
)]
pub(crate) async fn get_state(State(edge): State<Edge>, _: Administrator, _: NoQuery) -> Answered {
    let now = edge.engine.now();
    let (info, sessions, webhooks) = edge
        .engine
        .read(move |reader| {
            Ok((
                reader.info()?,
                reader.session_count(now)?,
                reader.webhooks()?,
            ))
        })
        .await?;
    let about = edge.administration.get().cloned().unwrap_or_default();
    let trouble = edge.engine.ready().err();
    let failing = webhooks
        .iter()
        .filter(|row| row.failing.is_some() || row.parked + row.dropped > 0);
    let uptime_ms = now.as_millis() - edge.started_at.as_millis();
    let state = SystemState {
        version: about.version,
        commit: about.commit,
        started_at: edge.started_at,
        uptime_seconds: u64::try_from(uptime_ms / 1000).unwrap_or(0),
        ready: trouble.is_none(),
        trouble: trouble.map(|error| error.detail),
        store: StoreState {
            name: info.name,
            schema: about.schema,
            bytes: info.bytes,
            wal_bytes: info.wal_bytes,
            disk_free_bytes: (about.disk_free)(),
            epoch: edge.engine.epoch().to_owned(),
        },
        sessions,
        sockets: edge.live.count("socket"),
        streams: edge.live.count("sse"),
        queued_rows: edge.engine.queued_rows() as u64,
        webhooks_failing: failing.map(|row| row.no.0.to_string()).collect(),
        last_errors: (about.log)(),
    };
    Ok(json(StatusCode::OK, &state))
}

/// See what is removed when it is old.
///
/// For administrators. It stands in the configuration of the server, and is changed there alone.
#[utoipa::path(
    get, path = "/api/v1/admin/retention", tag = "administration",
    responses((status = 200, description = "What is kept for how long", body = Kept), StateRefusals)
)]
pub(crate) async fn get_retention(
    State(edge): State<Edge>,
    _: Administrator,
    _: NoQuery,
) -> Answered {
    let about = edge.administration.get().cloned().unwrap_or_default();
    Ok(json(StatusCode::OK, &about.kept))
}
