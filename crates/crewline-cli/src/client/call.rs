//! Calls of the server, and what may come back.

use std::error::Error as _;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use crewline_api::{MessageView, NewMessage, Problem, SentMessage, Seq};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// What stands in a path as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Names the participant that `me` stood for.
const PARTICIPANT: &str = "crewline-participant";
/// Names the log.
pub(crate) const EPOCH: &str = "crewline-epoch";

/// Why a call did not do what it was for.
#[derive(Debug)]
pub(crate) enum CallError {
    /// It may succeed later, unchanged.
    Later {
        /// What happened.
        what: String,
        /// When the server asks to try again.
        after: Option<Duration>,
    },
    /// The server says that there is no such thing, or none that this token may see.
    NotFound(Failure),
    /// It never will.
    Refused(Failure),
}

impl CallError {
    /// As the end of the command.
    pub(crate) fn into_failure(self, base: &str) -> Failure {
        match self {
            Self::Refused(failure) | Self::NotFound(failure) => failure,
            Self::Later { what, .. } => Failure::new(what)
                .remedy(format!(
                    "is the server running there? crewline serve, or curl {base}/readyz"
                ))
                .remedy("another address: CREWLINE_URL=… or --url"),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { what, .. } => f.write_str(what),
            Self::Refused(failure) | Self::NotFound(failure) => failure.fmt(f),
        }
    }
}

/// Where a log stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    /// The last seq.
    pub(crate) head: Seq,
    /// Whose log it is, where the server says so.
    #[serde(skip)]
    pub(crate) participant: Option<String>,
}

/// A client of one server, with one token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// A client of the server at `base`.
    pub(crate) fn new(base: &str, token: &str) -> Result<Self, Failure> {
        super::prepare_tls();
        if !token.chars().all(|c| c.is_ascii_graphic()) || token.is_empty() {
            return Err(Failure::new(
                "the token is not one that this server could have given out",
            ));
        }
        let host = base.split("://").nth(1).unwrap_or_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("crewline/", env!("CARGO_PKG_VERSION")));
        if ["127.", "localhost", "[::1]"]
            .iter()
            .any(|own| host.starts_with(own))
        {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Failure::new(format!("cannot speak HTTP: {}", chain(&error))))?;
        Ok(Self {
            http,
            base: base.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Where a participant's log stands now.
    pub(crate) async fn head(&self, participant: &str) -> Result<Head, CallError> {
        let path = format!(
            "/api/v1/participants/{}/events?limit=1",
            encode(participant)
        );
        let response = self
            .execute(self.request(Method::GET, &path).timeout(CALL_TIMEOUT))
            .await?;
        let named = response
            .headers()
            .get(PARTICIPANT)
            .and_then(|value| value.to_str().ok());
        let named =
            named.and_then(|text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned()));
        let mut head: Head = body(response).await?;
        head.participant = named;
        Ok(head)
    }

    /// Sends a message; says whether it was stored before, by the same key.
    pub(crate) async fn send(
        &self,
        message: &NewMessage,
        key: &str,
    ) -> Result<(SentMessage, bool), CallError> {
        let request = self
            .request(Method::POST, "/api/v1/messages")
            .timeout(CALL_TIMEOUT);
        let response = self
            .execute(request.header("Idempotency-Key", key).json(message))
            .await?;
        let again = response.status() == StatusCode::OK;
        Ok((body(response).await?, again))
    }

    /// What became of a message, as `participant` may see it.
    pub(crate) async fn message(
        &self,
        participant: &str,
        id: &str,
    ) -> Result<MessageView, CallError> {
        let participant = query_value(participant);
        let path = format!("/api/v1/messages/{}?participant={participant}", encode(id));
        let request = self.request(Method::GET, &path).timeout(CALL_TIMEOUT);
        body(self.execute(request).await?).await
    }

    /// Moves a named cursor.
    pub(crate) async fn put_cursor(
        &self,
        participant: &str,
        name: &str,
        seq: Seq,
    ) -> Result<(), CallError> {
        let (participant, name) = (encode(participant), encode(name));
        let path = format!("/api/v1/participants/{participant}/cursors/{name}");
        let request = self.request(Method::PUT, &path).timeout(CALL_TIMEOUT);
        self.execute(request.json(&serde_json::json!({ "seq": seq })))
            .await?;
        Ok(())
    }

    /// Opens a stream of events. `query` follows the `?`.
    pub(crate) async fn stream(
        &self,
        participant: &str,
        query: &str,
        last: Option<Seq>,
    ) -> Result<Response, CallError> {
        let path = format!(
            "/api/v1/participants/{}/events?{query}",
            encode(participant)
        );
        let mut request = self
            .request(Method::GET, &path)
            .header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.execute(request)).await;
        answer.unwrap_or_else(|_| {
            let what = format!("{} does not answer", self.base);
            Err(CallError::Later { what, after: None })
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
    }

    async fn execute(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                let what = format!("cannot call {}: {}", self.base, chain(&error));
                return CallError::Refused(Failure::new(what));
            }
            let what = if error.is_timeout() {
                format!("{} does not answer", self.base)
            } else {
                format!("cannot reach {}: {}", self.base, chain(&error))
            };
            CallError::Later { what, after: None }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn refusal(&self, response: Response) -> CallError {
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let text = response.text().await.unwrap_or_default();
        let problem: Option<Problem> = serde_json::from_str(&text).ok();
        if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            let what = problem.map_or_else(
                || format!("{} answers {status}", self.base),
                |problem| format!("the server answers: {}", problem.detail),
            );
            return CallError::Later { what, after };
        }
        match problem {
            Some(problem) if problem.code == "not_found" => CallError::NotFound(refused(&problem)),
            Some(problem) => CallError::Refused(refused(&problem)),
            None => {
                let what = format!(
                    "{} answers {status}, and not as a Crewline server does",
                    self.base
                );
                CallError::Refused(
                    Failure::new(what).remedy("check the address: CREWLINE_URL or --url"),
                )
            }
        }
    }
}

/// A problem document as the end of the command.
fn refused(problem: &Problem) -> Failure {
    let mut what = format!("{} ({})", problem.detail, problem.code);
    if problem.errors.len() > 1 {
        for field in &problem.errors {
            let _ = write!(what, "\n  {}: {}", field.field, field.detail);
        }
    }
    let failure = Failure::new(crate::output::plain(&what).replace('⏎', "\n"));
    match problem.code.as_str() {
        "unauthenticated" => failure
            .remedy("check CREWLINE_TOKEN; a revoked token or a disabled user is not let in")
            .remedy("crewline token create …   (on the server; prints a new token)"),
        "unknown_recipient" => failure.remedy("crewline user list   (on the server)"),
        "epoch_changed" => failure.remedy(
            "the store was restored: begin anew, without --after, or with the cursor put back",
        ),
        "log_truncated" => failure.remedy(
            "--after with the number that is named here; what was removed before it is gone",
        ),
        "internal" => failure.remedy(format!(
            "look for {} in the server's log",
            problem.request_id
        )),
        _ => failure,
    }
}

async fn body<T: DeserializeOwned>(response: Response) -> Result<T, CallError> {
    let bytes = response.bytes().await.map_err(|error| CallError::Later {
        what: format!("the answer broke off: {}", chain(&error)),
        after: None,
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!("the answer is not what a Crewline server says: {error}");
        CallError::Refused(Failure::new(what).remedy("check the address: CREWLINE_URL or --url"))
    })
}

/// The innermost cause, which says what happened (`Connection refused`); the outer ones say what was being done.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, PATH).to_string()
}

/// A value in a query.
pub(crate) fn query_value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
