//! What a call refuses, for its description: each call lists its codes beside its handler.

use std::collections::BTreeMap;

use crewline_api::{ApiError, ErrorCode, FieldCode, FieldError, Problem};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// What calls with a body refuse.
pub(crate) const BODY: &[ErrorCode] = &[ErrorCode::NotJson, ErrorCode::TooLarge];
/// What calls without credentials refuse.
pub(crate) const OPS: &[ErrorCode] = &[ErrorCode::Invalid, ErrorCode::Internal];
/// What calls that read refuse.
pub(crate) const READ: &[ErrorCode] = &[
    ErrorCode::Unauthenticated,
    ErrorCode::Invalid,
    ErrorCode::Internal,
    ErrorCode::Busy,
    ErrorCode::StorageUnavailable,
    ErrorCode::Stopping,
];
/// What calls that write refuse because of who calls.
pub(crate) const CALLER: &[ErrorCode] = &[ErrorCode::Unauthenticated, ErrorCode::WrongOrigin];
/// What calls that write refuse, whoever calls.
pub(crate) const WRITE: &[ErrorCode] = &[
    ErrorCode::Invalid,
    ErrorCode::TooManyRequests,
    ErrorCode::Internal,
    ErrorCode::Busy,
    ErrorCode::StorageFull,
    ErrorCode::StorageUnavailable,
    ErrorCode::Stopping,
];

/// Names a list of codes, to stand among the `responses` of a call: `refusals!(Name: LIST, LIST, [Code, Code]);`
macro_rules! refusals {
    ($name:ident: $($list:ident),+ $(, [$($code:ident),*])?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::refusals::responses(&[$($list,)+ $(&[$(crewline_api::ErrorCode::$code),*])?])
            }
        }
    };
}
pub(crate) use refusals;

/// The responses of these codes, those of one status together.
pub(crate) fn responses(lists: &[&[ErrorCode]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in lists.iter().copied().flatten() {
        let codes = by_status.entry(code.status()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), response(status, &codes).into()))
        .collect()
}

fn response(status: u16, codes: &[ErrorCode]) -> Response {
    let sentences: Vec<String> = codes
        .iter()
        .map(|code| format!("`{code}`: {}.", code.title()))
        .collect();
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    for code in codes {
        let example = ExampleBuilder::new()
            .summary(code.title())
            .value(serde_json::to_value(example(*code)).ok());
        content = content.examples_from_iter([(code.as_str(), example.build())]);
    }
    let mut response = ResponseBuilder::new()
        .description(sentences.join(" "))
        .content("application/problem+json", content.build());
    let text = |description: &str, kind| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind)))
            .description(Some(description))
            .build()
    };
    if matches!(status, 429 | 503) {
        response = response.header(
            "Retry-After",
            text("Seconds after which to try again", Type::Integer),
        );
    }
    if status == 401 {
        response = response.header(
            "WWW-Authenticate",
            text("How to present credentials", Type::String),
        );
    }
    response.build()
}

fn example(code: ErrorCode) -> Problem {
    let mut error = ApiError::new(code, detail(code));
    match code {
        ErrorCode::Invalid => {
            let detail = "has 4,001 characters; at most 4,000 are allowed";
            error = ApiError::fields(
                code,
                vec![FieldError::new("message", FieldCode::TooLong, detail)],
            );
        }
        ErrorCode::UnknownRecipient => {
            let detail = "\"alicia\" is not known";
            error = ApiError::fields(
                code,
                vec![FieldError::new(
                    "toUsers[0].toUserId",
                    FieldCode::UnknownRecipient,
                    detail,
                )],
            );
        }
        _ => {}
    }
    Problem::new(&error, "5f0c6a2be4d91377")
}

/// What was wrong, in an example.
fn detail(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NotJson => "The body is not JSON: expected value at line 1 column 1.",
        ErrorCode::Unauthenticated => {
            "This call needs credentials: send `Authorization: Bearer TOKEN`, or sign in by POST /api/v1/session."
        }
        ErrorCode::NotAllowed => {
            "This token does not act as \"scada:feeder-8\". Use a token that names it, or a prefix of it."
        }
        ErrorCode::TooLarge => "The body has more than 2097152 bytes. Send less at once.",
        ErrorCode::AheadOfLog => "The log ends at 118; 200 lies beyond.",
        ErrorCode::LogTruncated => {
            "The log begins at 1001; what followed 7 was removed. Begin again from a snapshot."
        }
        ErrorCode::TooManyAttempts => {
            "There were too many wrong passwords for this user or from this address. Wait 51 seconds."
        }
        other => other.title(),
    }
}
