//! Reading a JSON object field by field, so that every fault in it is found and named by its path.
//!
//! Deriving a reader would stop at the first fault, keep the last of two equal fields, and speak of Rust's types.

use std::borrow::Cow;

use crewline_api::{ApiError, FieldCode, Payload, Timestamp};

use crate::fault::{Faults, Place, named};
use crate::json::Json;
use crate::text::{Read, read_time};

/// A field as it was written; its value, until that is taken.
type Entry<'a> = (Cow<'a, str>, Option<Json<'a>>);

/// An object that is being read: each field is asked for once, and what was not asked for is a fault.
pub(crate) struct Fields<'a, 'f> {
    entries: Vec<Entry<'a>>,
    asked: Vec<&'static str>,
    place: Place,
    faults: &'f Faults,
}

impl<'a, 'f> Fields<'a, 'f> {
    fn new(entries: Vec<Entry<'a>>, place: Place, faults: &'f Faults) -> Self {
        Self {
            entries,
            asked: Vec::with_capacity(8),
            place,
            faults,
        }
    }

    /// Starts to read a body; where it is no object, says so.
    pub(crate) fn of_body(json: Json<'a>, faults: &'f Faults) -> Result<Self, ApiError> {
        match json {
            Json::Object(entries) => Ok(Self::new(entries, Place::Body, faults)),
            other => {
                let detail = format!("{}, and must be an object", other.what());
                Err(ApiError::field("body", FieldCode::WrongType, detail))
            }
        }
    }

    /// Starts to read an item of a list. `None`, and a fault, where it is no object.
    pub(crate) fn of_item(json: Json<'a>, place: Place, faults: &'f Faults) -> Option<Self> {
        match json {
            Json::Object(entries) => Some(Self::new(entries, place, faults)),
            other => {
                let detail = format!("{}, and must be an object", other.what());
                faults.add(place.to_string(), FieldCode::WrongType, detail);
                None
            }
        }
    }

    /// The value of a field; `None` where it was left out or is null.
    fn take(&mut self, name: &'static str) -> Option<Json<'a>> {
        self.asked.push(name);
        let (_, value) = self.entries.iter_mut().find(|(field, _)| field == name)?;
        value.take().filter(|value| *value != Json::Null)
    }

    fn fault(&self, name: &str, code: FieldCode, detail: impl Into<String>) {
        self.faults.add(self.place.field(name), code, detail);
    }

    fn wrong_type(&self, name: &str, value: &Json<'_>, must_be: &str) {
        self.fault(
            name,
            FieldCode::WrongType,
            format!("{}, and must be {must_be}", value.what()),
        );
    }

    /// Notes that a field that is needed was left out, unless it is there.
    fn required<T>(&self, name: &str, value: Option<T>, was_given: bool) -> Option<T> {
        if value.is_none() && !was_given {
            self.fault(name, FieldCode::Required, "is needed, and was left out");
        }
        value
    }

    /// Whether a field was given, as something else than null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries
            .iter()
            .any(|(field, value)| field == name && !matches!(value, None | Some(Json::Null)))
    }

    /// A text that may be left out.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        match self.take(name)? {
            Json::Text(text) if text.contains('\0') => {
                self.fault(
                    name,
                    FieldCode::Malformed,
                    "holds the control character U+0000",
                );
                None
            }
            Json::Text(text) => Some(text),
            other => {
                self.wrong_type(name, &other, "text");
                None
            }
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        let given = self.has(name);
        let text = self.optional_text(name);
        self.required(name, text, given)
    }

    /// A text that is read further, and may be left out. `read` says what is wrong with it.
    pub(crate) fn optional_parsed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        let text = self.optional_text(name)?;
        read(&text)
            .map_err(|(code, detail)| self.fault(name, code, detail))
            .ok()
    }

    /// A text that is read further.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        let given = self.has(name);
        let value = self.optional_parsed(name, read);
        self.required(name, value, given)
    }

    /// Bytes as base64; may be left out.
    pub(crate) fn payload(&mut self, name: &'static str) -> Option<Payload> {
        self.optional_parsed(name, |text| {
            Payload::from_base64(text).map_err(|error| {
                (
                    FieldCode::Malformed,
                    format!("is not base64 (RFC 4648 section 4, with padding): {error}"),
                )
            })
        })
    }

    /// A point in time; may be left out.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.optional_parsed(name, read_time)
    }

    /// A whole number of 0 or more that may be left out.
    pub(crate) fn optional_whole(&mut self, name: &'static str) -> Option<u64> {
        /// Above this a double no longer holds every whole number.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        match self.take(name)? {
            Json::Whole(number) => Some(number),
            // JSON knows no whole numbers apart from others: 2.0 is 2.
            Json::Number(number)
                if number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number) =>
            {
                Some(number as u64)
            }
            Json::Number(number) if number.fract() == 0.0 => {
                self.fault(
                    name,
                    FieldCode::OutOfRange,
                    format!("is {number}, which is outside of the range"),
                );
                None
            }
            Json::Number(number) => {
                self.fault(
                    name,
                    FieldCode::WrongType,
                    format!("is {number}, and must be a whole number"),
                );
                None
            }
            other => {
                self.wrong_type(name, &other, "a whole number");
                None
            }
        }
    }

    /// A whole number of 0 or more.
    pub(crate) fn whole(&mut self, name: &'static str) -> Option<u64> {
        let given = self.has(name);
        let number = self.optional_whole(name);
        self.required(name, number, given)
    }

    /// True or false; false where left out.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        match self.take(name) {
            None => false,
            Some(Json::Bool(value)) => value,
            Some(other) => {
                self.wrong_type(name, &other, "true or false");
                false
            }
        }
    }

    /// A field of a body that is an object, to be read like the body itself.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Self> {
        let given = self.has(name);
        let object = self.take(name).and_then(|value| match value {
            Json::Object(entries) => Some(entries),
            other => {
                self.wrong_type(name, &other, "an object");
                None
            }
        });
        let entries = self.required(name, object, given)?;
        Some(Self::new(entries, Place::Within(name), self.faults))
    }

    /// A list that may be left out.
    pub(crate) fn optional_list(&mut self, name: &'static str) -> Option<Vec<Json<'a>>> {
        match self.take(name)? {
            Json::List(list) => Some(list),
            other => {
                self.wrong_type(name, &other, "a list");
                None
            }
        }
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &'static str) -> Option<Vec<Json<'a>>> {
        let given = self.has(name);
        let list = self.optional_list(name);
        self.required(name, list, given)
    }

    /// A list of texts that are read further; may be left out. Faulty items are left out of what is returned.
    pub(crate) fn optional_texts<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<Vec<T>> {
        let list = self.optional_list(name)?;
        let items = list.into_iter().enumerate().filter_map(|(index, item)| {
            let place = Place::Item(name, index);
            let text = match item {
                Json::Text(text) => text,
                other => {
                    let detail = format!("{}, and must be text", other.what());
                    self.faults
                        .add(place.to_string(), FieldCode::WrongType, detail);
                    return None;
                }
            };
            read(&text)
                .map_err(|(code, detail)| self.faults.add(place.to_string(), code, detail))
                .ok()
        });
        Some(items.collect())
    }

    /// A list of texts that are read further.
    pub(crate) fn texts<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<Vec<T>> {
        let given = self.has(name);
        let texts = self.optional_texts(name, read);
        self.required(name, texts, given)
    }

    /// A field that contradicts another one.
    pub(crate) fn conflict(&self, name: &str, detail: &str) {
        self.fault(name, FieldCode::Conflict, detail);
    }

    /// Ends the object: whatever was not asked for, or stands there twice, is a fault.
    pub(crate) fn end(self) {
        for (name, value) in &self.entries {
            if value.is_none() || self.faults.full() {
                continue;
            }
            if self.asked.iter().any(|asked| asked == name) {
                self.fault(name, FieldCode::Conflict, "is given twice");
            } else {
                self.fault(
                    &named(name),
                    FieldCode::UnknownField,
                    "is not a field that this call knows here",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str, read: impl FnOnce(&mut Fields<'_, '_>)) -> Vec<(String, FieldCode)> {
        let faults = Faults::default();
        let json: Json<'_> = serde_json::from_str(text).unwrap();
        let mut fields = Fields::of_body(json, &faults).unwrap();
        read(&mut fields);
        fields.end();
        match faults.finish(|| Ok(())) {
            Ok(()) => Vec::new(),
            Err(error) => error
                .fields
                .into_iter()
                .map(|fault| (fault.field, fault.code))
                .collect(),
        }
    }

    #[test]
    fn every_fault_is_found_not_only_the_first() {
        let found = faults_of(
            r#"{"a": 1, "b": null, "x": 0, "c": -1, "c": 2, "d": "!"}"#,
            |fields| {
                fields.text("a");
                fields.text("b");
                fields.optional_whole("c");
                fields.payload("d");
            },
        );
        let expected = [
            ("a", FieldCode::WrongType),
            ("b", FieldCode::Required),
            ("c", FieldCode::OutOfRange),
            ("d", FieldCode::Malformed),
            ("x", FieldCode::UnknownField),
            ("c", FieldCode::Conflict),
        ];
        assert_eq!(
            found,
            expected.map(|(field, code)| (field.to_owned(), code))
        );
    }

    #[test]
    fn null_is_as_if_left_out_and_a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let found = faults_of(r#"{"a": null, "b": 2.0, "c": null}"#, |fields| {
            assert_eq!(fields.optional_text("a"), None);
            assert_eq!(fields.whole("b"), Some(2));
            assert!(!fields.flag("c"));
        });
        assert_eq!(found, []);
    }
}
