//! `/api/v1/admin/audit`: who did what, when and from where. There is no call that changes or removes a row.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{AuditKind, AuditPage, FieldCode, Timestamp};
use crewline_core::{AuditPlace, AuditQuery};

use crate::answer::json;
use crate::app::Edge;
use crate::audit::Administrator;
use crate::fault::quoted;
use crate::problem::Answered;
use crate::query::Query;
use crate::refusals::{READ, refusals};
use crate::text::Read;

refusals!(AuditRefusals: READ, [NotAllowed]);

/// See who did what, when and from where.
///
/// For administrators: sign-ins, also refused ones, administration, what watchers read, and sends, all in one order. Entries
/// are only added, and go when they are older than the setting `audit.keep`; a send stands there as long as its message. What
/// became of a message is told by its story. A call looks through so many messages and no more: where there is a `next`, there
/// may be more.
#[utoipa::path(
    get, path = "/api/v1/admin/audit", tag = "administration",
    params(
        ("who" = Option<String>, Query, description = "What this one did, as `who` of an entry says it", example = "carol"),
        ("about" = Option<String>, Query, description = "What was done to this one; of a send the message", example = "alice"),
        ("what" = Option<String>, Query, description = "These kinds, with commas between them; all if left out", example = "session.opened,user.password"),
        ("from" = Option<Timestamp>, Query, description = "Not before this"),
        ("to" = Option<Timestamp>, Query, description = "Before this"),
        ("before" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of the audit, newest first", body = AuditPage), AuditRefusals)
)]
pub(crate) async fn get_audit(
    State(edge): State<Edge>,
    _: Administrator,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let known = ["who", "about", "what", "from", "to", "before", "limit"];
    let mut query = Query::read(&parts, &known);
    let wanted = AuditQuery {
        who: query.search("who"),
        about: query.search("about"),
        what: query.parsed("what", read_kinds).unwrap_or_default(),
        from: query.time("from"),
        to: query.time("to"),
        before: query.parsed("before", read_place),
    };
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let found = edge
        .engine
        .read(move |reader| reader.audit(&wanted, limit))
        .await?;
    let page = AuditPage {
        entries: found.entries,
        next: found.next.map(|place| place.to_string()),
    };
    Ok(json(StatusCode::OK, &page))
}

pub(crate) fn read_place(text: &str) -> Read<AuditPlace> {
    text.parse().map_err(|()| {
        let detail = format!("{} is not the `next` of a page", quoted(text));
        (FieldCode::Malformed, detail)
    })
}

pub(crate) fn read_kinds(text: &str) -> Read<Vec<AuditKind>> {
    let kinds = text.split(',').map(|word| {
        word.parse().map_err(|_| {
            let words: Vec<&str> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let detail = format!(
                "{} is not a kind of act; there are {}",
                quoted(word),
                words.join(", ")
            );
            (FieldCode::OutOfRange, detail)
        })
    });
    kinds.collect()
}
