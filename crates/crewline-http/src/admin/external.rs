//! `/api/v1/admin/externals`: which systems are known, and by which tokens they act.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{External, Externals};
use crewline_core::{ParticipantRow, TokenOwner, TokenRow};

use crate::answer::{json, page};
use crate::app::Edge;
use crate::audit::Administrator;
use crate::problem::Answered;
use crate::query::Query;
use crate::refusals::{READ, refusals};

refusals!(ListRefusals: READ, [NotAllowed]);

/// List the externals.
///
/// For administrators. An external is known from the first token that names it, or from its first act. One is added by
/// making a token for it, and shut out by revoking its tokens.
#[utoipa::path(
    get, path = "/api/v1/admin/externals", tag = "administration",
    params(
        ("q" = Option<String>, Query, description = "Those whose id or name contains this, whatever the case"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "scada:dms"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of externals, sorted by id", body = Externals), ListRefusals)
)]
pub(crate) async fn get_externals(
    State(edge): State<Edge>,
    _: Administrator,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["q", "after", "limit"]);
    let q = query.search("q").unwrap_or_default();
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let (rows, tokens) = edge
        .engine
        .read(move |reader| {
            let rows = reader.externals_found(&q, after.as_deref(), limit + 1)?;
            Ok((rows, reader.tokens()?))
        })
        .await?;
    let mut externals: Vec<External> = rows.into_iter().map(|row| show(row, &tokens)).collect();
    let next = page(&mut externals, limit, |row| row.external_id.to_string());
    Ok(json(StatusCode::OK, &Externals { externals, next }))
}

fn show(row: ParticipantRow, tokens: &[TokenRow]) -> External {
    let covers = |token: &&TokenRow| match &token.owner {
        TokenOwner::Externals(patterns) => patterns.iter().any(|own| own.covers(&row.id)),
        TokenOwner::User(_) | TokenOwner::Administration => false,
    };
    let own: Vec<&TokenRow> = tokens.iter().filter(covers).collect();
    External {
        name: row.shown_name().to_owned(),
        token_ids: own.iter().map(|token| token.no.0.to_string()).collect(),
        last_used_at: own.iter().filter_map(|token| token.last_used_at).max(),
        external_id: row.id,
    }
}
