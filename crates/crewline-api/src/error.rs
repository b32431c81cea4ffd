//! Errors. Each has a code that stays, a sentence that says what was wrong and what to do, and the fields at fault.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:literal, $title:literal;)+) => {
        /// What went wrong, as one word that programs can rely on. `docs/errors.md` tells the remedy of each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)+];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)+ }
            }

            /// The status of HTTP that goes with it.
            pub fn status(self) -> u16 {
                match self { $(ErrorCode::$name => $status,)+ }
            }

            /// The same sentence for each error of this code.
            pub fn title(self) -> &'static str {
                match self { $(ErrorCode::$name => $title,)+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON in UTF-8.
    NotJson = "not_json", 400, "The body is not JSON";
    /// A request without TLS at a port that speaks TLS.
    TlsRequired = "tls_required", 400, "This port speaks TLS";
    /// No credentials, or such as are not known (any more).
    Unauthenticated = "unauthenticated", 401, "Credentials are missing or not valid";
    /// The user or the password is wrong; which of them is not said.
    SignInFailed = "sign_in_failed", 401, "Signing in failed";
    /// The caller is known, but may not act so.
    NotAllowed = "not_allowed", 403, "Not allowed";
    /// A write by cookie without the `Origin` of this server.
    WrongOrigin = "wrong_origin", 403, "Wrong or missing Origin";
    /// It does not exist, or the caller may not see it: these look the same.
    NotFound = "not_found", 404, "Not found";
    /// This path does not know that method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The log is another one than the consumer followed (the store was restored).
    EpochChanged = "epoch_changed", 409, "The log was replaced";
    /// A position beyond the end of the log.
    AheadOfLog = "ahead_of_log", 409, "Beyond the end of the log";
    /// This session has no push subscription.
    NoPushSubscription = "no_push_subscription", 409, "This session has no push subscription";
    /// Somebody else has changed it since it was read.
    RevisionConflict = "revision_conflict", 409, "Somebody else was quicker";
    /// Events before the oldest kept were asked for.
    LogTruncated = "log_truncated", 410, "The log no longer holds this";
    /// The body is larger than 2 MiB.
    TooLarge = "too_large", 413, "The request is too large";
    /// This path speaks WebSocket, and the request is no handshake of one.
    UpgradeRequired = "upgrade_required", 426, "A WebSocket is needed here";
    /// One or several fields are wrong; `errors` names them.
    Invalid = "invalid", 422, "A field is wrong";
    /// Recipients that are not known or are disabled; `errors` names them all. Nothing was sent.
    UnknownRecipient = "unknown_recipient", 422, "A recipient is not known";
    /// Groups that do not exist; `errors` names them all. Nothing was sent.
    UnknownGroup = "unknown_group", 422, "A group is not known";
    /// The idempotency key was used for something else before.
    IdempotencyMismatch = "idempotency_mismatch", 422, "The idempotency key was used for another message";
    /// Too many wrong passwords; `Retry-After` says when to try again.
    TooManyAttempts = "too_many_attempts", 429, "Too many attempts to sign in";
    /// One participant has filled its share of the queue.
    TooManyRequests = "too_many_requests", 429, "Too much from one participant at once";
    /// The message was reminded of a moment ago, by somebody else or of something else; `Retry-After` says when to try again.
    RemindedJustNow = "reminded_just_now", 429, "There was a reminder a moment ago";
    /// A fault of the server. The answer tells nothing; the log has the request id.
    Internal = "internal", 500, "A fault of the server";
    /// The queue is full; `Retry-After` says when to try again.
    Busy = "busy", 503, "The server is busy";
    /// The disk is full. Nothing was stored; it goes on by itself once there is room.
    StorageFull = "storage_full", 503, "The disk is full";
    /// The store does not take writes.
    StorageUnavailable = "storage_unavailable", 503, "The store is not available";
    /// The server is stopping.
    Stopping = "stopping", 503, "The server is stopping";
    /// Said by a client, never by a server: within the time no answer came. What was asked for may have happened.
    Unreachable = "unreachable", 503, "The server cannot be reached";
    /// Said by a client, never by a server: what answers at the address is no Crewline server, or none that this client
    /// can understand or trust.
    WrongServer = "wrong_server", 502, "What answers is not a Crewline server";
}

impl ErrorCode {
    /// Whether the same call may succeed later, without a change.
    pub fn retryable(self) -> bool {
        matches!(self.status(), 429 | 503)
    }

    /// The code of a word from the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum FieldCode {
    /// It is needed and was left out.
    Required,
    /// The call knows no such field.
    UnknownField,
    /// Text where a number belongs, or the like.
    WrongType,
    /// Nothing is in it, or only white space.
    Empty,
    /// It is longer than allowed.
    TooLong,
    /// There are more than allowed.
    TooMany,
    /// It is not one of the allowed values, or outside of their range.
    OutOfRange,
    /// It does not have the form that it must have.
    Malformed,
    /// It contradicts another field.
    Conflict,
    /// There is no such participant, or it is disabled.
    UnknownRecipient,
    /// There is no such group.
    UnknownGroup,
    /// There is no such message in this chat.
    UnknownMessage,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Where: a path such as `toUsers[0].toUserId`, or the name of a query parameter or header.
    pub field: String,
    /// What is wrong, as one word.
    pub code: FieldCode,
    /// What is wrong, as a sentence.
    pub detail: String,
}

impl FieldError {
    /// A field at fault.
    pub fn new(field: impl Into<String>, code: FieldCode, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// Any call that was refused or failed. What it asked for did not happen, in whole and in part; only after
/// [`ErrorCode::Unreachable`], which a client says when no answer came, is that not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong and what to do, for people.
    pub detail: String,
    /// The fields at fault.
    pub fields: Vec<FieldError>,
    /// Seconds after which to try again, where that may help.
    pub retry_after_s: Option<u32>,
}

impl ApiError {
    /// An error of this code.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let retry_after_s = code.retryable().then_some(1);
        Self {
            code,
            detail: detail.into(),
            fields: Vec::new(),
            retry_after_s,
        }
    }

    /// An error that names the fields at fault. The detail is made from them.
    pub fn fields(code: ErrorCode, fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [one] => format!("{}: {}", one.field, one.detail),
            [first, rest @ ..] => format!(
                "{}: {} (and {} more)",
                first.field,
                first.detail,
                rest.len()
            ),
            [] => code.title().to_owned(),
        };
        Self {
            fields,
            ..Self::new(code, detail)
        }
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, code: FieldCode, detail: impl Into<String>) -> Self {
        Self::fields(
            ErrorCode::Invalid,
            vec![FieldError::new(field, code, detail)],
        )
    }

    /// What does not exist and what the caller may not see look the same.
    pub fn not_found() -> Self {
        Self::new(
            ErrorCode::NotFound,
            "There is nothing here that you may see. Check the id, and whose token you use.",
        )
    }

    /// With seconds after which to try again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for ApiError {}

/// An error on the wire: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Names the kind of problem; ends in the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same sentence for each problem of this kind.
    pub title: String,
    /// The status of HTTP.
    pub status: u16,
    /// The code, one of those in `docs/errors.md`.
    pub code: String,
    /// What was wrong here, and what to do.
    pub detail: String,
    /// What to tell the administrator: the server's log has it too.
    pub request_id: String,
    /// The fields at fault, where fields are.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The document for an error.
    pub fn new(error: &ApiError, request_id: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:crewline:error:{}", error.code),
            title: error.code.title().to_owned(),
            status: error.code.status(),
            code: error.code.as_str().to_owned(),
            detail: error.detail.clone(),
            request_id: request_id.into(),
            errors: error.fields.clone(),
        }
    }
}
