//! Ids in a path: percent-encoded, in UTF-8. What cannot be an id does not exist.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use crewline_api::ApiError;
use serde::de::DeserializeOwned;

use crate::problem::Refusal;

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
