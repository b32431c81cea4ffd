//! Faults of fields: all that are found in a request, each named by its path.

use std::cell::RefCell;
use std::fmt;

use crewline_api::{ApiError, ErrorCode, FieldCode, FieldError};

/// Most faults that are named; a body of nothing but faults is not answered by a larger one.
const FAULTS_MAX: usize = 1_000;
/// Most characters of a caller's own words that a fault repeats.
const QUOTED_CHARS_MAX: usize = 80;

/// Where in a body something stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// The body itself.
    Body,
    /// An item of a list in the body.
    Item(&'static str, usize),
    /// A field of the body that is an object.
    Within(&'static str),
}

impl Place {
    /// The path of a field that stands here.
    pub(crate) fn field(self, name: &str) -> String {
        match self {
            Self::Body => name.to_owned(),
            Self::Item(list, index) => format!("{list}[{index}].{name}"),
            Self::Within(field) => format!("{field}.{name}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Item(list, index) => write!(f, "{list}[{index}]"),
            Self::Within(field) => f.write_str(field),
        }
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(RefCell<Vec<FieldError>>);

impl Faults {
    /// Notes a fault.
    pub(crate) fn add(&self, field: impl Into<String>, code: FieldCode, detail: impl Into<String>) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(FieldError::new(field, code, detail));
        }
    }

    /// Whether no more faults can be noted.
    pub(crate) fn full(&self) -> bool {
        self.0.borrow().len() >= FAULTS_MAX
    }

    /// Ends the reading: with the faults found, or with what `build` makes of the fields.
    ///
    /// `build` is asked even where there are faults, to add those that it sees; but not those of fields that were
    /// found at fault already, for which it was given a stand-in.
    pub(crate) fn finish<T>(
        self,
        build: impl FnOnce() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let full = self.full();
        let mut faults = self.0.into_inner();
        if faults.is_empty() {
            return build();
        }
        if !full && let Err(error) = build() {
            let found: Vec<String> = faults.iter().map(|fault| fault.field.clone()).collect();
            let fresh = error
                .fields
                .into_iter()
                .filter(|more| !found.iter().any(|field| is_within(&more.field, field)));
            faults.extend(fresh.take(FAULTS_MAX));
        }
        Err(ApiError::fields(ErrorCode::Invalid, faults))
    }
}

/// Whether a field is another one, or a part of it.
fn is_within(field: &str, other: &str) -> bool {
    field
        .strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A name that a caller gave a field, short enough to be repeated. A field without a name has one here.
pub(crate) fn named(name: &str) -> String {
    if name.is_empty() {
        return "\"\"".to_owned();
    }
    name.chars().take(QUOTED_CHARS_MAX).collect()
}

/// What a caller wrote, short enough to be repeated.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_part_is_not_told_beside_that_of_the_whole() {
        assert!(is_within("toUsers[0].toUserId", "toUsers[0]"));
        assert!(is_within("toUsers", "toUsers"));
        assert!(!is_within("toUsers[10]", "toUsers[1]"));
        assert!(!is_within("toUsersX", "toUsers"));
    }

    #[test]
    fn what_a_caller_wrote_is_repeated_in_part_only() {
        assert_eq!(quoted("é"), "\"é\"");
        assert_eq!(quoted(&"é".repeat(81)).chars().count(), 83);
        assert_eq!(named(&"é".repeat(81)).chars().count(), 80);
        assert_eq!(named(""), "\"\"");
    }
}
