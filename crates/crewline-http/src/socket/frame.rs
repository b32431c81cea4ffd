//! Frames as they come, and as they go.
//!
//! What is no frame of this protocol ends the session; what is wrong inside of a command is told as for a call.

use std::io::Write as _;

use crewline_api::{
    ApiError, CursorName, EventKind, EventKinds, FieldCode, ParticipantId, Problem, Seq, Welcome,
};
use serde::Serialize;

use crate::fault::{Faults, named};
use crate::fields::Fields;
use crate::id::read_id;
use crate::json::Json;
use crate::query::{clamp_seq, read_kind};

/// What a client said.
#[derive(Debug, PartialEq)]
pub(crate) enum Said<'a> {
    /// Whose log, and from where.
    Hello(Json<'a>),
    /// Everything up to here is stored.
    Ack(Seq),
    /// A command.
    Do {
        /// The client's number for it.
        id: u64,
        /// Its name and body.
        what: What<'a>,
    },
}

/// A command as it stands in a frame, not yet read further.
#[derive(Debug, PartialEq)]
pub(crate) enum What<'a> {
    /// `send`
    Send(Json<'a>),
    /// `reply`
    Reply(Json<'a>),
    /// `receipts`
    Receipts(Json<'a>),
    /// `createChat`
    CreateChat(Json<'a>),
    /// `remind`
    Remind(Json<'a>),
    /// None of these, or not exactly one.
    Unclear(ApiError),
}

/// Reads a frame.
///
/// # Errors
/// Why it is no frame of this protocol, for the reason of the close.
pub(crate) fn read(text: &str) -> Result<Said<'_>, &'static str> {
    let json: Json<'_> = serde_json::from_str(text).map_err(|_| "The frame is not JSON.")?;
    let Json::Object(mut entries) = json else {
        return Err("The frame is not an object.");
    };
    let (Some((name, Some(value))), true) = (entries.pop(), entries.is_empty()) else {
        return Err("The frame must have one field: hello, ack or do.");
    };
    match (&*name, value) {
        ("hello", value) => Ok(Said::Hello(value)),
        ("ack", Json::Whole(seq)) => Ok(Said::Ack(clamp_seq(seq))),
        ("ack", _) => Err("An ack is the number of an event."),
        ("do", Json::Object(entries)) => read_do(entries),
        ("do", _) => Err("A do is an object with an id and a command."),
        _ => Err("The frame must have one field: hello, ack or do."),
    }
}

type Entries<'a> = Vec<(std::borrow::Cow<'a, str>, Option<Json<'a>>)>;

fn read_do(entries: Entries<'_>) -> Result<Said<'_>, &'static str> {
    const NO_ID: &str = "A do needs an id: a whole number, once.";
    let (mut id, mut what, mut unclear) = (None, None, None);
    for (name, value) in entries {
        let value = value.unwrap_or(Json::Null);
        match (&*name, value) {
            ("id", Json::Whole(given)) if id.is_none() => id = Some(given),
            ("id", _) => return Err(NO_ID),
            (_, Json::Null) => {}
            ("send" | "reply" | "receipts" | "createChat" | "remind", _) if what.is_some() => {
                unclear = Some((
                    name.into_owned(),
                    FieldCode::Conflict,
                    "a do has one command",
                ));
            }
            ("send", value) => what = Some(What::Send(value)),
            ("reply", value) => what = Some(What::Reply(value)),
            ("receipts", value) => what = Some(What::Receipts(value)),
            ("createChat", value) => what = Some(What::CreateChat(value)),
            ("remind", value) => what = Some(What::Remind(value)),
            (_, _) => {
                let shown = named(&name);
                let detail =
                    "is not a command; there are send, reply, receipts, createChat and remind";
                unclear = Some((shown, FieldCode::UnknownField, detail));
            }
        }
    }
    let id = id.ok_or(NO_ID)?;
    let what = match (what, unclear) {
        (_, Some((field, code, detail))) => What::Unclear(ApiError::field(field, code, detail)),
        (Some(what), None) => what,
        (None, None) => {
            let detail = "holds no command; there are send, reply, receipts, createChat and remind";
            What::Unclear(ApiError::field("do", FieldCode::Required, detail))
        }
    };
    Ok(Said::Do { id, what })
}

/// A hello, read whole.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Hello {
    pub(crate) after: Option<Seq>,
    pub(crate) epoch: Option<String>,
    pub(crate) cursor: Option<CursorName>,
    /// `me`, where the token names one.
    pub(crate) participant: Option<String>,
    pub(crate) kinds: Option<EventKinds>,
}

/// Reads a hello; every fault in it is named.
pub(crate) fn read_hello(json: Json<'_>) -> Result<Hello, ApiError> {
    let faults = Faults::default();
    let mut fields = Fields::of_body(json, &faults)?;
    let after = fields.optional_whole("after").map(clamp_seq);
    let epoch = fields.optional_text("epoch").map(Into::into);
    let cursor = fields.optional_parsed("cursor", read_id::<CursorName>);
    let participant = fields.optional_parsed("participant", |id| {
        if id != "me" {
            read_id::<ParticipantId>(id)?;
        }
        Ok(id.to_owned())
    });
    let kinds = fields.optional_texts("types", read_kind);
    fields.end();
    if kinds.as_ref().is_some_and(Vec::is_empty) {
        let detail = "names no kind of event; leave it out for all";
        faults.add("types", FieldCode::Empty, detail);
    }
    faults.finish(|| {
        Ok(Hello {
            after,
            epoch,
            cursor,
            participant,
            kinds: kinds.map(|kinds: Vec<EventKind>| EventKinds::from_iter(kinds)),
        })
    })
}

/// The answer to a hello.
pub(crate) fn welcome(welcome: &Welcome) -> Vec<u8> {
    wrap("welcome", welcome)
}

/// The answer to a hello that is refused.
pub(crate) fn error(problem: &Problem) -> Vec<u8> {
    wrap("error", problem)
}

fn wrap(name: &str, value: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    // Writing into a Vec cannot fail, and what is written is made of texts and numbers.
    let _ = write!(frame, "{{\"{name}\":");
    let _ = serde_json::to_writer(&mut frame, value);
    frame.push(b'}');
    frame
}

/// The answer to a command that was carried out.
pub(crate) fn done(id: u64, answer: &impl Serialize) -> Vec<u8> {
    answered(id, "ok", answer)
}

/// The answer to a command that was refused.
pub(crate) fn refused(id: u64, problem: &Problem) -> Vec<u8> {
    answered(id, "error", problem)
}

fn answered(id: u64, how: &str, value: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    let _ = write!(frame, "{{\"done\":{{\"id\":{id},\"{how}\":");
    let _ = serde_json::to_writer(&mut frame, value);
    frame.extend_from_slice(b"}}");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_of_three_and_what_is_none_ends_the_session() {
        assert_eq!(read(r#"{"ack": 7}"#), Ok(Said::Ack(7)));
        assert!(matches!(read(r#"{"hello": {}}"#), Ok(Said::Hello(_))));
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            "7",
            r#"{"ack": -1}"#,
            r#"{"ack": "7"}"#,
            r#"{"ack": 7, "do": {}}"#,
            r#"{"do": {"send": {}}}"#,
            r#"{"do": {"id": "1", "send": {}}}"#,
            r#"{"do": {"id": 1, "id": 2, "send": {}}}"#,
            r#"{"bye": {}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let deep = format!(
            r#"{{"do":{{"id":1,"send":{}}}}}"#,
            "[".repeat(100_000) + &"]".repeat(100_000)
        );
        assert!(read(&deep).is_err());
    }

    #[test]
    fn a_command_that_is_none_is_told_to_the_one_who_asked() {
        let fault = |text: &str| match read(text) {
            Ok(Said::Do {
                id: 1,
                what: What::Unclear(error),
            }) => (error.fields[0].field.clone(), error.fields[0].code),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            fault(r#"{"do": {"id": 1}}"#),
            ("do".to_owned(), FieldCode::Required)
        );
        assert_eq!(
            fault(r#"{"do": {"id": 1, "sned": {}}}"#),
            ("sned".to_owned(), FieldCode::UnknownField)
        );
        assert_eq!(
            fault(r#"{"do": {"id": 1, "send": {}, "reply": {}}}"#),
            ("reply".to_owned(), FieldCode::Conflict)
        );
    }

    #[test]
    fn a_hello_names_every_fault() {
        let json = serde_json::from_str(
            r#"{"after": "x", "types": [], "cursor": "", "participant": ".", "x": 1}"#,
        )
        .unwrap();
        let error = read_hello(json).unwrap_err();
        let fields: Vec<&str> = error
            .fields
            .iter()
            .map(|fault| fault.field.as_str())
            .collect();
        assert_eq!(fields, ["after", "cursor", "participant", "x", "types"]);
        let json = serde_json::from_str(r#"{"after": null, "participant": "me"}"#).unwrap();
        let hello = read_hello(json).unwrap();
        assert_eq!(
            (hello.after, hello.participant.as_deref()),
            (None, Some("me"))
        );
    }
}
