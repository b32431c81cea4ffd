//! Reads the frames of the server. One of a kind that this version does not know is skipped, and so is a new field.

use crewline_api::Welcome;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Error, RawEvent, problem};

/// What the server says.
#[derive(Debug)]
pub(super) enum Said {
    Welcome(Welcome),
    Events(Vec<RawEvent>),
    Done(u64, Result<Box<RawValue>, Error>),
    /// The hello is refused.
    Refused(Error),
    /// Of a newer server.
    Unknown,
}

/// [`crewline_api::ServerFrame`], but none of its parts must be there.
#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    welcome: Option<Welcome>,
    #[serde(default)]
    events: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    done: Option<Done>,
    #[serde(default)]
    error: Option<problem::Wire>,
}

#[derive(Deserialize)]
struct Done {
    id: u64,
    #[serde(default)]
    ok: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<problem::Wire>,
}

/// Reads a text frame.
///
/// # Errors
/// Where it is no frame of this protocol.
pub(super) fn read(text: &str) -> Result<Said, Error> {
    parse(text).map_err(|fault| {
        Error::wrong_server(format!(
            "the server says what is no frame of the socket: {fault}"
        ))
    })
}

fn parse(text: &str) -> Result<Said, String> {
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    let frame: Frame = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(events) = frame.events {
        let events: Result<_, _> = events.into_iter().map(RawEvent::read).collect();
        return Ok(Said::Events(events.map_err(
            |error: serde_json::Error| format!("an event: {error}"),
        )?));
    }
    if let Some(done) = frame.done {
        let outcome = match (done.ok, done.error) {
            (Some(ok), None) => Ok(ok),
            (None, Some(problem)) => Err(problem.into()),
            _ => {
                return Err(format!(
                    "the answer to {} is neither ok nor an error",
                    done.id
                ));
            }
        };
        return Ok(Said::Done(done.id, outcome));
    }
    Ok(match (frame.welcome, frame.error) {
        (Some(welcome), _) => Said::Welcome(welcome),
        (None, Some(problem)) => Said::Refused(problem.into()),
        (None, None) => Said::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use crewline_api::{ErrorCode, Problem, ServerFrame};

    use super::*;

    #[test]
    fn every_frame_of_the_contract_is_read_and_those_of_tomorrow_are_skipped() {
        let welcome = r#"{"welcome":{"epoch":"e","head":3,"heartbeatS":15,"new":1}}"#;
        let events = r#"{"events":[{"seq":1,"type":"of.tomorrow"},{"type":"x","seq":2}]}"#;
        let done = r#"{"done":{"id":9,"ok":{"results":[]}}}"#;
        // The types of the contract read the same frames.
        for frame in [welcome, events, done] {
            serde_json::from_str::<ServerFrame>(frame).unwrap();
        }
        assert!(matches!(read(welcome), Ok(Said::Welcome(welcome)) if welcome.head == 3));
        assert!(matches!(read(events), Ok(Said::Events(events)) if events[1].seq() == 2));
        assert!(matches!(read(done), Ok(Said::Done(9, Ok(_)))));
        let error = crewline_api::ApiError::new(ErrorCode::EpochChanged, "Begin anew.");
        let problem = serde_json::to_string(&Problem::new(&error, "r")).unwrap();
        let Ok(Said::Refused(refused)) = read(&format!(r#"{{"error":{problem}}}"#)) else {
            panic!("a refusal")
        };
        assert_eq!(refused.code, ErrorCode::EpochChanged);
        let Ok(Said::Done(1, Err(failed))) =
            read(&format!(r#"{{"done":{{"id":1,"error":{problem}}}}}"#))
        else {
            panic!("a failed command")
        };
        assert_eq!(failed.detail, "Begin anew.");
        assert!(matches!(read(r#"{"presence":{}}"#), Ok(Said::Unknown)));
    }

    #[test]
    fn what_is_no_frame_is_told_and_never_guessed() {
        for text in [
            "<html>",
            "[]",
            "7",
            r#"{"events":[{"type":"x"}]}"#,
            r#"{"events":7}"#,
            r#"{"done":{"id":1}}"#,
            r#"{"done":{"ok":{}}}"#,
            r#"{"welcome":{"epoch":"e"}}"#,
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.code, ErrorCode::WrongServer, "{text}");
        }
    }
}
