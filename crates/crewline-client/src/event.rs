//! An event as the server sent it.

use crewline_api::{Event, EventKind, Seq};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;

/// An event, as the server sent it: kinds that this version does not know come through too.
#[derive(Debug, Clone)]
pub struct RawEvent {
    seq: Seq,
    json: Box<RawValue>,
}

impl PartialEq for RawEvent {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for RawEvent {}

#[derive(Deserialize)]
struct OnlySeq {
    seq: Seq,
}

#[derive(Deserialize)]
struct OnlyKind<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
}

impl RawEvent {
    /// From what the server sent. Its seq is all that must be there.
    pub(crate) fn read(json: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let OnlySeq { seq } = serde_json::from_str(json.get())?;
        Ok(Self { seq, json })
    }

    /// Its number in the log.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The JSON, as the server sent it.
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// Reads it. `None` for a kind that this version does not know: the contract asks to skip it.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::WrongServer`] where it is of a known kind, and not as that kind must be.
    pub fn parse(&self) -> Result<Option<Event>, Error> {
        let wrong = |error: serde_json::Error| {
            Error::wrong_server(format!(
                "event {} is not what a Crewline server says: {error}",
                self.seq
            ))
        };
        let OnlyKind { kind } = serde_json::from_str(self.json()).map_err(wrong)?;
        if kind.parse::<EventKind>().is_err() {
            return Ok(None);
        }
        serde_json::from_str(self.json()).map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> RawEvent {
        RawEvent::read(RawValue::from_string(json.to_owned()).unwrap()).unwrap()
    }

    #[test]
    fn kinds_of_tomorrow_are_skipped_and_broken_events_of_today_are_told() {
        assert_eq!(
            event(r#"{"seq":7,"type":"of.tomorrow","data":5}"#).parse(),
            Ok(None)
        );
        let known = r#"{"seq":8,"type":"chat.created","timestamp":"2026-11-23T03:47:29.120Z",
            "data":{"chatId":"c100000000","userIds":["a"],"new":1}}"#;
        assert_eq!(event(known).parse().unwrap().unwrap().seq, 8);
        let broken = event(r#"{"seq":9,"type":"chat.created","data":{}}"#);
        assert!(broken.parse().unwrap_err().detail.contains("event 9"));
        assert_eq!(
            broken.json(),
            r#"{"seq":9,"type":"chat.created","data":{}}"#
        );
    }
}
