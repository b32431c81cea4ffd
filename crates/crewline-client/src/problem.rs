//! Reads problem documents, also those of a newer server: a word that this version does not know spoils nothing.

use crewline_api::{ErrorCode, FieldCode, FieldError};
use serde::Deserialize;

use crate::Error;

/// A problem document, as far as a client needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<WireField>,
}

#[derive(Debug, Deserialize)]
struct WireField {
    field: String,
    code: String,
    detail: String,
}

impl From<Wire> for Error {
    fn from(wire: Wire) -> Self {
        let known = ErrorCode::parse(&wire.code);
        let mut error = Self::new(known.unwrap_or_else(|| nearest(wire.status)), wire.detail);
        if known.is_none() {
            error.detail = format!("{} [{}]", error.detail, wire.code);
        }
        error.fields = wire.errors.into_iter().map(field).collect();
        error.request_id = wire.request_id;
        error
    }
}

fn field(wire: WireField) -> FieldError {
    let word = serde_json::Value::String(wire.code);
    match serde_json::from_value::<FieldCode>(word.clone()) {
        Ok(code) => FieldError::new(wire.field, code, wire.detail),
        // What a newer server finds at fault has its sentence, whatever the word.
        Err(_) => FieldError::new(
            wire.field,
            FieldCode::Malformed,
            format!("{} [{}]", wire.detail, word.as_str().unwrap_or_default()),
        ),
    }
}

/// The known code that is nearest to one that is not known.
fn nearest(status: u16) -> ErrorCode {
    match status {
        401 => ErrorCode::Unauthenticated,
        403 => ErrorCode::NotAllowed,
        404 => ErrorCode::NotFound,
        405 => ErrorCode::MethodNotAllowed,
        413 => ErrorCode::TooLarge,
        429 => ErrorCode::TooManyRequests,
        500 => ErrorCode::Internal,
        503 => ErrorCode::Busy,
        400..=499 => ErrorCode::Invalid,
        _ => ErrorCode::WrongServer,
    }
}

#[cfg(test)]
mod tests {
    use crewline_api::Problem;

    use super::*;

    #[test]
    fn words_of_a_newer_server_are_taken_for_the_nearest() {
        let text = r#"{"type":"urn:x","title":"t","status":422,"code":"of_tomorrow","detail":"No.","requestId":"r1",
            "new":1,"errors":[{"field":"a","code":"too_blue","detail":"is too blue"}]}"#;
        let error = Error::from(serde_json::from_str::<Wire>(text).unwrap());
        assert_eq!(
            (error.code, error.detail.as_str()),
            (ErrorCode::Invalid, "No. [of_tomorrow]")
        );
        assert_eq!(error.fields[0].detail, "is too blue [too_blue]");
        assert_eq!(error.request_id.as_deref(), Some("r1"));
    }

    #[test]
    fn every_code_of_the_contract_is_read_as_it_was_said() {
        for code in ErrorCode::ALL {
            let problem = Problem::new(&crewline_api::ApiError::new(*code, "d"), "r");
            let text = serde_json::to_string(&problem).unwrap();
            let error = Error::from(serde_json::from_str::<Wire>(&text).unwrap());
            assert_eq!((error.code, error.detail.as_str()), (*code, "d"));
        }
    }
}
