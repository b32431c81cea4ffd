//! How callers name things: ids in a path, a query or a body, and `me`.
//!
//! What cannot be an id is a fault where it stands in a query or a body. In a path, percent-encoded UTF-8, it does not exist.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use crewline_api::{ApiError, IdError, ParticipantId};
use serde::de::DeserializeOwned;

use crate::auth::Caller;
use crate::problem::Refusal;
use crate::text::Read;

/// The ids of a path, decoded.
pub(crate) struct PathIds<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for PathIds<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(ApiError::not_found().into()),
        }
    }
}

/// A number in a path, as answers show it: no sign, and no zero at the beginning.
pub(crate) fn number_in_path(text: &str) -> Result<i64, ApiError> {
    let number = text.parse().ok();
    number
        .filter(|number: &i64| number.to_string() == text)
        .ok_or_else(ApiError::not_found)
}

/// An id, as a fault tells what is wrong with it.
pub(crate) fn read_id<T: FromStr<Err = IdError>>(text: &str) -> Read<T> {
    text.parse().map_err(|error| {
        let fault = crewline_api::id_error("", &error);
        (fault.code, fault.detail)
    })
}

impl Caller {
    /// What is named by an id, or by `me`.
    pub(crate) fn named<'t>(&'t self, id: &'t str) -> &'t str {
        if id == "me" {
            self.me().map_or(id, ParticipantId::as_str)
        } else {
            id
        }
    }

    /// A participant whom a query or a body names.
    pub(crate) fn read_named(&self, text: &str) -> Read<ParticipantId> {
        read_id(self.named(text))
    }

    /// A participant whom a path names.
    pub(crate) fn named_in_path(&self, text: &str) -> Result<ParticipantId, ApiError> {
        ParticipantId::new(self.named(text)).map_err(|_| ApiError::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_path_has_one_spelling() {
        assert_eq!(number_in_path("7").unwrap(), 7);
        for other in ["", "07", "+7", " 7", "7.0", "x", "9223372036854775808"] {
            assert!(number_in_path(other).is_err(), "{other}");
        }
    }
}
