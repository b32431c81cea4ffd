//! `/api/v1/admin/tokens`: by which secrets systems, scripts and administrators act.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{ApiError, AuditKind, FieldCode, NewToken, Token, Tokens};
use crewline_core::{Directory, Secret, TokenNo, TokenOwner};

use super::read::read_token;
use super::{act, end};
use crate::answer::{json, page};
use crate::app::Edge;
use crate::audit::Administrator;
use crate::body::JsonBody;
use crate::fault::quoted;
use crate::id::{PathIds, number_in_path};
use crate::problem::Answered;
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(ListRefusals: READ, [NotAllowed]);
refusals!(MakeRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(RevokeRefusals: CALLER, WRITE, [NotAllowed, NotFound]);

/// List the tokens.
///
/// For administrators. The secrets themselves are kept nowhere.
#[utoipa::path(
    get, path = "/api/v1/admin/tokens", tag = "administration",
    params(
        ("after" = Option<u64>, Query, description = "The `next` of the page before", example = 3),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of tokens, oldest first", body = Tokens), ListRefusals)
)]
pub(crate) async fn get_tokens(
    State(edge): State<Edge>,
    _: Administrator,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["after", "limit"]);
    let after = query.whole("after", 0..=i64::MAX).unwrap_or(0);
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let rows = edge.engine.read(|reader| reader.tokens()).await?;
    let rows = rows.into_iter().filter(|row| row.no.0 > after);
    let mut tokens: Vec<Token> = rows.take(limit + 1).map(|row| row.shown()).collect();
    let next = page(&mut tokens, limit, |token| token.token_id.clone());
    Ok(json(StatusCode::OK, &Tokens { tokens, next }))
}

/// Make a token.
///
/// For administrators. For one user, for externals, or for administration. The secret is in this answer, and never shown
/// again.
#[utoipa::path(
    post, path = "/api/v1/admin/tokens", tag = "administration",
    request_body(content = NewToken, example = json!({"externals": ["scada:dms", "scada:feeder-*"]})),
    responses((status = 201, description = "The token, with its secret", body = Token), MakeRefusals)
)]
pub(crate) async fn post_token(
    State(edge): State<Edge>,
    by: Administrator,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let owner = read_token(&body)?;
    check_externals(&edge, &owner).await?;
    let secret = Secret::from_random(edge.engine.random());
    let hash = secret.hash();
    let row = act(
        &edge,
        &by,
        AuditKind::TokenMade,
        "",
        move |directory, notes, now| {
            let detail = format!("for {owner}");
            let row = directory.create_token(&crewline_core::NewToken { hash, owner }, now);
            if let Some(note) = notes.first_mut() {
                note.about = row.as_ref().ok().map(|row| format!("token {}", row.no.0));
                note.detail = Some(detail);
            }
            row
        },
    )
    .await?;
    let token = Token {
        token: Some(secret.reveal().to_owned()),
        ..row.shown()
    };
    Ok(json(StatusCode::CREATED, &token))
}

/// A token of externals names no user: said of the field, before anything is made.
async fn check_externals(edge: &Edge, owner: &TokenOwner) -> Result<(), ApiError> {
    let TokenOwner::Externals(patterns) = owner else {
        return Ok(());
    };
    for pattern in patterns {
        if let crewline_core::ExternalPattern::Exact(id) = pattern {
            let row = crate::auth::participant(edge, id).await?;
            if row.is_some_and(|row| row.standing == crewline_core::Standing::User) {
                let id = quoted(id.as_str());
                let detail = format!("names {id}, who is a user; say `userId` instead");
                return Err(ApiError::field("externals", FieldCode::Conflict, detail));
            }
        }
    }
    Ok(())
}

/// Revoke a token.
///
/// For administrators. Whoever uses it is shut out within a second, open streams included.
#[utoipa::path(
    delete, path = "/api/v1/admin/tokens/{tokenId}", tag = "administration",
    params(("tokenId" = String, Path, description = "The token, as the list shows it")),
    responses((status = 204, description = "It is revoked"), RevokeRefusals)
)]
pub(crate) async fn delete_token(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let no = number_in_path(&id)?;
    let (what, about) = (AuditKind::TokenRevoked, format!("token {no}"));
    let revoke = move |directory: &mut dyn Directory| directory.revoke_token(TokenNo(no));
    end(&edge, &by, what, &about, None, revoke).await
}
