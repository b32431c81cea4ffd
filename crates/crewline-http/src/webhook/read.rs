//! Reading what is said of webhooks.

use crewline_api::{ApiError, EventKinds, FieldCode, ParticipantId, Seq, UrlError, WebhookUrl};
use crewline_core::WebhookAct;
use crewline_core::address::never_called;

use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::Faults;
use crate::fields::Fields;
use crate::problem::internal;
use crate::query::{clamp_seq, read_kind};
use crate::text::Read;

type New = (ParticipantId, WebhookUrl, EventKinds, Option<Seq>);

pub(crate) fn read_new(caller: &Caller, body: &JsonBody) -> Result<New, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let given = fields.has("participant");
    let named = fields.optional_parsed("participant", |text| caller.read_named(text));
    let participant = named.or_else(|| caller.me().filter(|_| !given).cloned());
    if participant.is_none() && !given {
        let detail = "is needed: whose events are to be posted";
        faults.add("participant", FieldCode::Required, detail);
    }
    let (url, kinds) = read_what(&mut fields, &faults);
    let after = fields.optional_whole("after").map(clamp_seq);
    fields.end();
    let (participant, url) = faults.finish(|| participant.zip(url).ok_or_else(internal))?;
    Ok((participant, url, kinds, after))
}

pub(crate) fn read_change(body: &JsonBody) -> Result<WebhookAct, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let (url, kinds) = read_what(&mut fields, &faults);
    fields.end();
    faults.finish(|| {
        let kinds = Some(kinds);
        url.map(|url| WebhookAct::Change {
            url: Some(url),
            kinds,
        })
        .ok_or_else(internal)
    })
}

pub(crate) fn read_replay(body: &JsonBody) -> Result<WebhookAct, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let given = (fields.has("from"), fields.has("parked"));
    let from = fields.optional_whole("from").map(clamp_seq);
    let parked = fields.optional_whole("parked").map(clamp_seq);
    match given {
        (true, true) => fields.conflict("parked", "cannot stand beside `from`"),
        (false, false) => faults.add("from", FieldCode::Required, "is needed, or `parked`"),
        _ => {}
    }
    fields.end();
    let act = from
        .map(WebhookAct::Replay)
        .or(parked.map(WebhookAct::ReplayParked));
    faults.finish(|| act.ok_or_else(internal))
}

/// URL and kinds of events.
fn read_what(fields: &mut Fields<'_, '_>, faults: &Faults) -> (Option<WebhookUrl>, EventKinds) {
    let given = fields.has("url");
    let url = fields.optional_parsed("url", read_url);
    if !given {
        faults.add("url", FieldCode::Required, "is needed, and was left out");
    }
    let types = fields.optional_texts("types", read_kind);
    if types.as_ref().is_some_and(Vec::is_empty) {
        let detail = "names no kind of event; leave it out for all";
        faults.add("types", FieldCode::Empty, detail);
    }
    (url, types.map_or(EventKinds::ALL, EventKinds::from_iter))
}

/// A URL. An address that is never called is refused here already; what a name stands for is looked at with each connection.
fn read_url(text: &str) -> Read<WebhookUrl> {
    let url = WebhookUrl::new(text).map_err(|error| {
        let code = match error {
            UrlError::TooLong(_) => FieldCode::TooLong,
            _ => FieldCode::Malformed,
        };
        (code, error.to_string())
    })?;
    match url.host().parse().ok().and_then(never_called) {
        Some(why) => {
            let detail = format!("names an address that is never called: {why}");
            Err((FieldCode::OutOfRange, detail))
        }
        None => Ok(url),
    }
}
