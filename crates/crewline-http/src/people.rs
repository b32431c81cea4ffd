//! `GET /api/v1/people`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::PeoplePage;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_core::{Reader, Scope, StoreError};

use crate::answer::{json, page};
use crate::app::Edge;
use crate::auth::Caller;
use crate::problem::Answered;
use crate::query::Query;
use crate::refusals::{READ, refusals};

refusals!(PeopleRefusals: READ, [NotAllowed]);

/// Find those you may write to.
///
/// Users and externals that are not disabled, without the caller, sorted by id byte by byte.
#[utoipa::path(
    get, path = "/api/v1/people", tag = "people",
    params(
        ("q" = Option<String>, Query, max_length = 255, description = "What the id or the name contains, without regard to case; all if left out", example = "ali"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "alice"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of people", body = PeoplePage), PeopleRefusals)
)]
pub(crate) async fn get_people(
    State(edge): State<Edge>,
    caller: Caller,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["q", "after", "limit"]);
    let q = query.search("q").unwrap_or_default();
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    if matches!(caller.credential().scope, Scope::Administration) {
        // Says why.
        caller.user()?;
    }
    let own = caller.me().cloned();
    let own = move |id: &str| own.as_ref().is_some_and(|own| own.as_str() == id);
    let page = edge
        .engine
        .read(move |reader| others(reader, &q, after.as_deref(), limit, own))
        .await?;
    Ok(json(StatusCode::OK, &page))
}

/// A page without the caller, who takes nobody's place in it. Two more are read than it holds: one may be the caller, and
/// one says that there is a next page.
fn others(
    reader: &dyn Reader,
    q: &str,
    after: Option<&str>,
    limit: usize,
    own: impl Fn(&str) -> bool,
) -> Result<PeoplePage, StoreError> {
    let mut people = reader.people(q, after, limit + 2)?.people;
    people.retain(|person| !own(person.user_id.as_str()));
    let next = page(&mut people, limit, |person| person.user_id.to_string());
    Ok(PeoplePage { people, next })
}
