//! One push to a push service, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use crewline_api::{Timestamp, WebhookUrl};
use crewline_core::PushSubscriptionRow;
use crewline_outgoing::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue,
};
use crewline_outgoing::{Answer, Poster};
use metrics::{counter, histogram};
use serde_json::Value;

use crate::encrypt::encrypt;
use crate::pusher::Shared;

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The push service has it.
    Taken,
    /// There is no such subscription any more.
    Gone,
    /// The service refused it, and would again.
    Refused(String),
    /// It may be taken later.
    Later {
        why: String,
        asked: Option<Duration>,
    },
}

type Headers = Vec<(HeaderName, HeaderValue)>;

/// What is to be pushed.
pub(crate) struct Push {
    pub(crate) body: Value,
    /// For how long the service may keep it.
    pub(crate) life: Duration,
    pub(crate) urgency: &'static str,
    pub(crate) topic: Option<String>,
}

impl Shared {
    /// Pushes, when there is a place for it.
    pub(crate) async fn push(&self, row: &PushSubscriptionRow, push: &Push) -> Outcome {
        let host = row.endpoint.host();
        let _place = self.services.place(row.endpoint.authority()).await;
        let made = self.headers(row, push, self.engine.now());
        let (headers, body) = match made {
            Ok(made) => made,
            Err(why) => return Outcome::Refused(why),
        };
        // A connection for each push: pushes to one device are rare, and there are many devices.
        let mut poster = Poster::new(&row.endpoint, &self.settings.outgoing);
        let time_max = self.settings.pace.answer_max();
        let answer = poster.post(&headers, Bytes::from(body), time_max).await;
        histogram!("crewline_push_post_seconds").record(answer.took.as_secs_f64());
        let outcome = judge(host, &answer);
        let (word, trouble) = match &outcome {
            Outcome::Taken => ("taken", None),
            Outcome::Gone => ("gone", None),
            Outcome::Refused(why) => ("refused", Some(why.as_str())),
            Outcome::Later { why, .. } => ("later", Some(why.as_str())),
        };
        counter!("crewline_push_posts_total", "outcome" => word).increment(1);
        self.services.note(host, trouble);
        outcome
    }

    fn headers(
        &self,
        row: &PushSubscriptionRow,
        push: &Push,
        now: Timestamp,
    ) -> Result<(Headers, Vec<u8>), String> {
        let vapid = self.vapid().ok_or("there is no key to sign with")?;
        let contact = contact(&self.settings.contact, &row.origin);
        let authorization = vapid.authorization(&origin(&row.endpoint), contact, now)?;
        let body = encrypt(&row.secrets, push.body.to_string().as_bytes())?;
        let named = |name| HeaderName::from_static(name);
        let value = |text: String| {
            HeaderValue::try_from(text).map_err(|_| "a header cannot be written".to_owned())
        };
        let mut headers = vec![
            (AUTHORIZATION, value(authorization)?),
            (
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            ),
            (CONTENT_ENCODING, HeaderValue::from_static("aes128gcm")),
            (named("ttl"), HeaderValue::from(push.life.as_secs())),
            (named("urgency"), HeaderValue::from_static(push.urgency)),
        ];
        if let Some(topic) = push.topic.clone() {
            headers.push((named("topic"), value(topic)?));
        }
        Ok((headers, body))
    }
}

/// The origin of a push service: for whom a token is.
fn origin(endpoint: &WebhookUrl) -> String {
    let (scheme, port) = if endpoint.is_https() {
        ("https", 443)
    } else {
        ("http", 80)
    };
    let host = endpoint.host().to_ascii_lowercase();
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    if endpoint.port() == port {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{}", endpoint.port())
    }
}

/// Whom a push service may write to. Some refuse a push without anybody, and an address that nobody reads helps nobody: where
/// no contact is configured, the place where the app stands is it.
fn contact<'t>(configured: &'t str, origin: &'t str) -> Option<&'t str> {
    match configured {
        "" => Some(origin).filter(|origin| origin.starts_with("https://")),
        configured => Some(configured),
    }
}

fn judge(host: &str, answer: &Answer) -> Outcome {
    let said = |status| {
        let text = answer.text.trim();
        let text: String = text.chars().take(200).collect();
        match text.as_str() {
            "" => format!("{host} answered {status}"),
            text => format!("{host} answered {status}: {text}"),
        }
    };
    match answer.status {
        Some(200..=299) => Outcome::Taken,
        Some(404 | 410) => Outcome::Gone,
        Some(status @ (408 | 425 | 429 | 500..)) => Outcome::Later {
            why: said(status),
            asked: answer.retry_after,
        },
        Some(status) => Outcome::Refused(said(status)),
        None => Outcome::Later {
            why: format!(
                "no way to {host}: {}",
                answer.refused.as_deref().unwrap_or("there was no answer")
            ),
            asked: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_origin_of_the_push_service() {
        for (endpoint, expected) in [
            (
                "https://fcm.googleapis.com/fcm/send/x:y",
                "https://fcm.googleapis.com",
            ),
            ("https://Push.example:443/a?b=c", "https://push.example"),
            ("https://push.example:8443", "https://push.example:8443"),
            ("http://127.0.0.1:7/x", "http://127.0.0.1:7"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]"),
        ] {
            assert_eq!(origin(&WebhookUrl::new(endpoint).unwrap()), expected);
        }
    }

    #[test]
    fn somebody_can_always_be_written_to_where_the_app_stands_on_https() {
        let app = "https://chat.example.org";
        assert_eq!(
            contact("mailto:ops@example.org", app),
            Some("mailto:ops@example.org")
        );
        assert_eq!(contact("", app), Some(app));
        assert_eq!(contact("", "http://127.0.0.1:8080"), None);
    }

    #[test]
    fn what_a_push_service_answers_is_told_apart() {
        let of = |status, refused: &str, text: &str| {
            let answer = Answer {
                status,
                refused: Some(refused.to_owned()),
                text: text.to_owned(),
                ..Answer::default()
            };
            judge("push.example", &answer)
        };
        for status in [200, 201, 202] {
            assert_eq!(of(Some(status), "", ""), Outcome::Taken);
        }
        for status in [404, 410] {
            assert_eq!(of(Some(status), "", ""), Outcome::Gone);
        }
        for status in [301, 400, 401, 403, 413] {
            assert!(matches!(of(Some(status), "", ""), Outcome::Refused(_)));
        }
        for status in [408, 429, 500, 503] {
            assert!(matches!(of(Some(status), "", ""), Outcome::Later { .. }));
        }
        let refused = Outcome::Refused("push.example answered 400: bad key".to_owned());
        assert_eq!(of(Some(400), "", " bad key\n"), refused);
        let Outcome::Later { why, .. } = of(None, "the host is not found", "") else {
            panic!("it may be taken later");
        };
        assert_eq!(why, "no way to push.example: the host is not found");
    }
}
