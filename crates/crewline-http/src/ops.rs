//! `/healthz`, `/readyz`, `/metrics`: for those who keep the server running. Without credentials.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::answer::json;
use crate::app::Edge;
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{OPS, refusals};

refusals!(HealthRefusals: OPS);
refusals!(ReadyRefusals: OPS, [Busy, StorageFull, StorageUnavailable, Stopping]);

/// How the server is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `ok`
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the server is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "It is", body = Health), HealthRefusals)
)]
pub(crate) async fn get_health(_: NoQuery) -> Answered {
    Ok(json(StatusCode::OK, &Health { status: "ok" }))
}

/// Whether the store takes writes.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "It does", body = Health), ReadyRefusals)
)]
pub(crate) async fn get_ready(State(edge): State<Edge>, _: NoQuery) -> Answered {
    edge.engine.ready()?;
    if edge.stopping.is_cancelled() {
        let error = crewline_api::ApiError::new(
            crewline_api::ErrorCode::Stopping,
            "The server is stopping.",
        );
        return Err(error.into());
    }
    Ok(json(StatusCode::OK, &Health { status: "ok" }))
}

/// Figures of this process, in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"), HealthRefusals)
)]
pub(crate) async fn get_metrics(State(edge): State<Edge>, _: NoQuery) -> Answered {
    let ready = edge.engine.ready().is_ok() && !edge.stopping.is_cancelled();
    metrics::gauge!("crewline_ready").set(if ready { 1.0 } else { 0.0 });
    let mut response = Response::new(Body::from((edge.metrics)()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
