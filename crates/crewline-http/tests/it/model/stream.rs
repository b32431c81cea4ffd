//! A stream of server-sent events, as a client reads it.

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use crate::call::Reply;
use crate::rig::PATIENCE;

/// See the module.
pub(crate) struct Stream {
    body: Incoming,
    /// What came and is no whole line yet.
    rest: Vec<u8>,
    /// The last `id:`.
    told: u64,
    events: Vec<Value>,
}

impl Stream {
    /// Begins to read; the answer, where it is none.
    pub(crate) async fn of(response: Response<Incoming>) -> Result<Self, Reply> {
        let (parts, body) = response.into_parts();
        if parts.status.as_u16() != 200 {
            let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
            return Err(Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.to_bytes(),
            });
        }
        Ok(Self {
            body,
            rest: Vec::new(),
            told: 0,
            events: Vec::new(),
        })
    }

    /// Everything up to here was told or passed.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// Reads on until the event of this seq has come.
    pub(crate) async fn read_to(&mut self, seq: u64) {
        let read = async {
            while self.told < seq {
                assert!(
                    self.read().await,
                    "the stream ended before event {seq} came"
                );
            }
        };
        timeout(PATIENCE, read).await.expect("the event comes");
    }

    /// Reads on until the server ends the stream.
    pub(crate) async fn read_to_end(&mut self) {
        let read = async { while self.read().await {} };
        timeout(PATIENCE, read).await.expect("the stream ends");
    }

    /// What came since it was asked last.
    pub(crate) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// Reads a piece; whether there was one.
    pub(crate) async fn read(&mut self) -> bool {
        let Some(Ok(frame)) = self.body.frame().await else {
            return false;
        };
        if let Some(bytes) = frame.data_ref() {
            self.rest.extend_from_slice(bytes);
        }
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.take_line(std::str::from_utf8(&line[..end]).unwrap());
        }
        true
    }

    fn take_line(&mut self, line: &str) {
        if let Some(id) = line.strip_prefix("id: ") {
            let id = id.parse().unwrap();
            assert!(id > self.told, "{id} was told after {}", self.told);
            self.told = id;
        } else if let Some(data) = line.strip_prefix("data: ") {
            let event: Value = serde_json::from_str(data).unwrap();
            assert_eq!(event["seq"], self.told);
            self.events.push(event);
        }
    }
}
