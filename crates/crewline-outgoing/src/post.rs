//! One post at a time to one URL, over a connection that is kept.
//!
//! HTTP is spoken by hyper alone: no redirect is followed, no proxy is asked, no cookie is kept, and the connection goes to
//! the address that was checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crewline_api::WebhookUrl;
use crewline_api::limits::WEBHOOK_ANSWER_BYTES_MAX;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::address::resolve;
use crate::outgoing::Outgoing;

/// More of an answer is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const AGENT: &str = concat!("Crewline/", env!("CARGO_PKG_VERSION"));

/// What came of a post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status, where one came.
    pub status: Option<u16>,
    /// Why it counts as refused; `None`: it was taken.
    pub refused: Option<String>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of the answer.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// Whether the receiver has it.
    pub fn is_taken(&self) -> bool {
        self.refused.is_none()
    }
}

/// A connection to a receiver; its driver ends with it.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Posts to one URL.
pub struct Poster {
    url: WebhookUrl,
    target: String,
    outgoing: Outgoing,
    line: Option<Line>,
}

/// What of an answer has come so far.
#[derive(Default)]
pub(crate) struct Heard {
    status: Option<u16>,
    headers: HeaderMap,
    text: Vec<u8>,
}

impl Poster {
    /// Nobody is called yet.
    pub fn new(url: &WebhookUrl, outgoing: &Outgoing) -> Self {
        Self {
            target: url.target(),
            url: url.clone(),
            outgoing: outgoing.clone(),
            line: None,
        }
    }

    /// Posts a body, with these headers beside those that every request has, and says what came of it. From the lookup to the
    /// end of the answer it takes no longer than `time_max`.
    ///
    /// # Cancellation
    /// The receiver may have got it, or a part of it; the connection is closed.
    pub async fn post(
        &mut self,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
        time_max: Duration,
    ) -> Answer {
        let began = Instant::now();
        let deadline = began + time_max;
        let mut heard = Heard::default();
        // Whatever ends this early leaves no half-read answer for the next one.
        let line = self.line.take();
        let talk = self.talk(line, headers, &body, &mut heard);
        let trouble = match timeout_at(deadline, talk).await {
            Ok(Ok(line)) => {
                self.line = line;
                None
            }
            Ok(Err(trouble)) => Some(trouble),
            Err(_) => Some(format!(
                "there was no answer within {} s",
                time_max.as_secs_f64()
            )),
        };
        heard.judge(trouble, began.elapsed())
    }

    /// Asks, and hears the answer; returns the connection where it can be used again.
    async fn talk(
        &self,
        line: Option<Line>,
        headers: &[(HeaderName, HeaderValue)],
        body: &Bytes,
        heard: &mut Heard,
    ) -> Result<Option<Line>, String> {
        let request = || self.request(headers, body.clone());
        // A receiver may close a connection that rests at any moment. Then it is asked anew, at once.
        if let Some(mut line) = line
            && line.sender.ready().await.is_ok()
            && let Ok(response) = line.sender.send_request(request()?).await
        {
            return Ok(heard.listen(response).await?.then_some(line));
        }
        let mut line = self.connect().await?;
        let response = line
            .sender
            .send_request(request()?)
            .await
            .map_err(|error| format!("the connection broke: {}", innermost(&error)))?;
        Ok(heard.listen(response).await?.then_some(line))
    }

    fn request(
        &self,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::post(&self.target)
            .header(HOST, self.url.authority())
            .header(USER_AGENT, AGENT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(body))
            .map_err(|_| "the URL cannot be asked for".to_owned())
    }

    async fn connect(&self) -> Result<Line, String> {
        let addresses = resolve(&self.outgoing, self.url.host(), self.url.port()).await?;
        let stream = connect_to(&addresses).await?;
        if !self.url.is_https() {
            return line(stream).await;
        }
        let name = ServerName::try_from(self.url.host().to_owned())
            .map_err(|_| "no certificate can be of this host".to_owned())?;
        let stream = TlsConnector::from(Arc::clone(&self.outgoing.tls))
            .connect(name, stream)
            .await
            .map_err(|error| format!("TLS failed: {error}"))?;
        line(stream).await
    }
}

/// One after the other, as the lookup put them.
async fn connect_to(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut trouble = String::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A body is small and waits for its answer: it must not wait for more to send.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => trouble = format!("no connection to {address}: {error}"),
        }
    }
    Err(trouble)
}

async fn line<S>(stream: S) -> Result<Line, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("no HTTP is spoken there: {}", innermost(&error)))?;
    let driver = tokio::spawn(async move {
        // What breaks it is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(Line { sender, driver })
}

/// The innermost cause, which says what happened.
fn innermost(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

impl Heard {
    /// With a status and headers, and nothing of the body yet.
    pub(crate) fn new(status: Option<u16>, headers: HeaderMap) -> Self {
        Self {
            status,
            headers,
            text: Vec::new(),
        }
    }

    /// Keeps of the body what there is room for.
    pub(crate) fn take(&mut self, data: &[u8]) {
        let room = WEBHOOK_ANSWER_BYTES_MAX.saturating_sub(self.text.len());
        self.text.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// Hears an answer to its end, or as far as is read of one. Returns whether the connection can be used again.
    async fn listen(&mut self, response: Response<Incoming>) -> Result<bool, String> {
        let (parts, mut body) = response.into_parts();
        self.status = Some(parts.status.as_u16());
        self.headers = parts.headers;
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| format!("the answer broke: {}", innermost(&error)))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            read += data.len();
            self.take(&data);
            if read > ANSWER_BYTES_MAX {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The status decides: who said 2xx has the event, whatever became of the rest of the answer.
    pub(crate) fn judge(self, trouble: Option<String>, took: Duration) -> Answer {
        let refused = match self.status {
            Some(200..=299) => None,
            Some(status @ 300..=399) => Some(format!(
                "it answered {status}, and redirects are not followed"
            )),
            Some(status) => Some(format!("it answered {status}")),
            None => trouble.or_else(|| Some("there was no answer".to_owned())),
        };
        Answer {
            status: self.status,
            refused,
            retry_after: retry_after(&self.headers),
            text: shown(&self.text),
            took,
        }
    }
}

/// Seconds; a date is as if left out: it would compare a receiver's clock with this one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// Bytes of a stranger as a text that can be kept and printed.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: Option<u16>) -> Heard {
        Heard {
            status,
            ..Heard::default()
        }
    }

    #[test]
    fn the_status_decides_and_a_redirect_is_a_refusal_that_says_so() {
        let judge = |status| heard(status).judge(Some("it was late".to_owned()), Duration::ZERO);
        assert!(judge(Some(200)).is_taken());
        assert!(judge(Some(299)).is_taken());
        for status in [101, 300, 400, 500] {
            assert!(!judge(Some(status)).is_taken(), "{status}");
        }
        let redirect = judge(Some(307)).refused.unwrap();
        assert!(
            redirect.contains("redirects are not followed"),
            "{redirect}"
        );
        assert_eq!(judge(None).refused.as_deref(), Some("it was late"));
    }

    #[test]
    fn control_characters_of_an_answer_do_not_reach_a_terminal() {
        assert_eq!(
            shown(b"a\x1b[2J\r\n\0\xff"),
            "a\u{fffd}[2J\u{fffd}\n\u{fffd}\u{fffd}"
        );
    }
}
