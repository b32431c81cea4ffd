//! Parameters of a query: each is known to its call, stands there once, and is well formed; or it is named as a field.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use crewline_api::limits::{NAME_CHARS_MAX, PAGE_MAX};
use crewline_api::{ApiError, CursorName, EventKind, EventKinds, FieldCode, Seq, Timestamp};
use percent_encoding::percent_decode_str;

use crate::fault::{Faults, named, quoted};
use crate::id::read_id;
use crate::problem::Refusal;
use crate::text::{self, Read, check_chars};

/// The parameters of a call.
pub(crate) struct Query {
    given: Vec<(&'static str, String)>,
    faults: Faults,
}

impl Query {
    /// Reads the parameters of a call that knows these.
    pub(crate) fn read(parts: &Parts, known: &[&'static str]) -> Self {
        let faults = Faults::default();
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for pair in parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let shown = decode(name).unwrap_or_else(|| name.to_owned());
            let Some(name) = known.iter().find(|known| **known == shown) else {
                faults.add(
                    named(&shown),
                    FieldCode::UnknownField,
                    "is not a query parameter that this call knows",
                );
                continue;
            };
            match decode(value) {
                None => faults.add(
                    *name,
                    FieldCode::Malformed,
                    "is not UTF-8 once its percent signs are decoded",
                ),
                Some(value) if value.contains('\0') => {
                    faults.add(
                        *name,
                        FieldCode::Malformed,
                        "holds the control character U+0000",
                    );
                }
                Some(_) if given.iter().any(|(other, _)| other == name) => {
                    faults.add(*name, FieldCode::Conflict, "is given twice");
                }
                Some(value) => given.push((name, value)),
            }
        }
        Self { given, faults }
    }

    /// A parameter as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.given.iter().position(|(given, _)| *given == name)?;
        Some(self.given.swap_remove(at).1)
    }

    /// A parameter that is read further.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        read(&text)
            .map_err(|(code, detail)| self.faults.add(name, code, detail))
            .ok()
    }

    /// A whole number within a range.
    pub(crate) fn whole<N>(&mut self, name: &'static str, range: RangeInclusive<N>) -> Option<N>
    where
        N: FromStr + PartialOrd + Display,
    {
        self.parsed(name, |text| {
            let must = || {
                format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                )
            };
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err((
                    FieldCode::Malformed,
                    format!("is {}, and {}", quoted(text), must()),
                ));
            }
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                (
                    FieldCode::OutOfRange,
                    format!("is {}, and {}", quoted(text), must()),
                )
            })
        })
    }

    /// `limit`: how much of a list.
    pub(crate) fn limit(&mut self, default: usize) -> usize {
        self.whole("limit", 1..=PAGE_MAX).unwrap_or(default)
    }

    /// `true` or `false`; `false` where it is left out.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        let flag = self.parsed(name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err((
                FieldCode::OutOfRange,
                format!("is {}, and must be true or false", quoted(text)),
            )),
        });
        flag.unwrap_or(false)
    }

    /// The number of an event.
    pub(crate) fn seq(&mut self, name: &'static str) -> Option<Seq> {
        self.parsed(name, read_seq)
    }

    /// `types`: kinds of events, with commas between them.
    pub(crate) fn kinds(&mut self) -> EventKinds {
        let kinds = self.parsed("types", |text| {
            text.split(',')
                .map(read_kind)
                .collect::<Result<EventKinds, _>>()
        });
        kinds.unwrap_or(EventKinds::ALL)
    }

    /// The name of a cursor.
    pub(crate) fn cursor(&mut self) -> Option<CursorName> {
        self.parsed("cursor", read_id)
    }

    /// A text to look for: at most 255 characters.
    pub(crate) fn search(&mut self, name: &'static str) -> Option<String> {
        self.parsed(name, |text| {
            check_chars(text, NAME_CHARS_MAX)?;
            Ok(text.to_owned())
        })
    }

    /// A point in time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, read_time)
    }

    /// Notes a fault of a parameter or header.
    pub(crate) fn fault(&self, field: &str, code: FieldCode, detail: impl Into<String>) {
        self.faults.add(field, code, detail);
    }

    /// Ends the reading: every fault is told.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        self.faults.finish(|| Ok(()))
    }
}

/// The number of an event. What is beyond every log is kept as the largest number that a store can hold.
pub(crate) fn read_seq(text: &str) -> Read<Seq> {
    if text.is_empty() || text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((
            FieldCode::Malformed,
            format!("is {}, and must be the number of an event", quoted(text)),
        ));
    }
    Ok(clamp_seq(text.parse().unwrap_or(Seq::MAX)))
}

/// See [`read_seq`].
pub(crate) fn clamp_seq(seq: Seq) -> Seq {
    seq.min(i64::MAX as Seq)
}

/// A point in time. A plus sign in a query is a space: who writes +01:00 there means an offset.
pub(crate) fn read_time(text: &str) -> Read<Timestamp> {
    text::read_time(&text.replace(' ', "+"))
}

/// A kind of event by its word.
pub(crate) fn read_kind(text: &str) -> Read<EventKind> {
    text.parse().map_err(|()| {
        let words: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        (
            FieldCode::OutOfRange,
            format!(
                "{} is not a kind of event; there are {}",
                quoted(text),
                words.join(", ")
            ),
        )
    })
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// That a call has no query parameters.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            Query::read(parts, &[]).finish()?;
        }
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn query(text: &str, known: &[&'static str]) -> Query {
        let request = Request::get(format!("/?{text}")).body(()).unwrap();
        Query::read(&request.into_parts().0, known)
    }

    fn faults(query: Query) -> Vec<(String, FieldCode)> {
        let fields = query
            .finish()
            .map_or_else(|error| error.fields, |()| Vec::new());
        fields
            .into_iter()
            .map(|fault| (fault.field, fault.code))
            .collect()
    }

    #[test]
    fn parameters_are_decoded_and_stand_there_once() {
        let mut good = query("q=a+b%2Bc&limit=1000", &["q", "limit"]);
        assert_eq!(
            (good.text("q").as_deref(), good.limit(1)),
            (Some("a b+c"), 1000)
        );
        assert_eq!(faults(good), []);
        let bad = query("q=1&q=2&x=3&limit=%ff&&", &["q", "limit"]);
        let expected = [
            ("q", FieldCode::Conflict),
            ("x", FieldCode::UnknownField),
            ("limit", FieldCode::Malformed),
        ];
        assert_eq!(
            faults(bad),
            expected.map(|(field, code)| (field.to_owned(), code))
        );
    }

    #[test]
    fn a_seq_beyond_every_log_is_still_a_seq() {
        assert_eq!(read_seq("18446744073709551616").unwrap(), i64::MAX as u64);
        assert!(read_seq("-1").is_err() && read_seq("").is_err() && read_seq("1.0").is_err());
    }
}
