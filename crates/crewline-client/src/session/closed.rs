//! What the close codes of the server mean to a client.

use std::time::Duration;

use crewline_api::{ErrorCode, close};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::link::Lost;
use crate::Error;

/// What it means that the server has closed the connection.
pub(super) fn meaning(frame: Option<&CloseFrame>) -> Lost {
    let Some(frame) = frame else {
        return Lost::ComeBack(Error::unreachable("the server closed the connection"));
    };
    let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
    let why = if reason.is_empty() {
        format!("the server closed the connection ({code})")
    } else {
        format!("the server closed the connection: {reason} ({code})")
    };
    if close::comes_back(code) {
        let mut error = Error::unreachable(why);
        error.retry_after = close::delay_ms(reason).map(Duration::from_millis);
        return Lost::ComeBack(error);
    }
    Lost::Never(match code {
        close::REVOKED => Error::new(ErrorCode::Unauthenticated, why),
        // What a call for this log is answered from now on.
        close::UNWATCHED => Error::new(
            ErrorCode::NotFound,
            format!("{why}. An administrator can make you a watcher again; your token is good"),
        ),
        close::TOO_LARGE => Error::new(ErrorCode::TooLarge, why),
        _ => Error::wrong_server(format!(
            "{why}: this client and the server do not understand each other; upgrade the older of them"
        )),
    })
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::Utf8Bytes;

    use super::*;

    fn of(code: u16, reason: &str) -> Lost {
        let reason = Utf8Bytes::from(reason.to_owned());
        meaning(Some(&CloseFrame {
            code: code.into(),
            reason,
        }))
    }

    #[test]
    fn the_range_of_a_code_says_whether_to_come_back_and_the_reason_says_when() {
        let Lost::ComeBack(error) = of(4000, "comeBackMs=750; The server stops.") else {
            panic!("4000 asks to come back")
        };
        assert_eq!(error.retry_after, Some(Duration::from_millis(750)));
        for code in [1000, 1001, 1006, 1011, 4001, 4003, 4099, 4200] {
            assert!(
                matches!(of(code, ""), Lost::ComeBack(error) if error.retry_after.is_none()),
                "{code}"
            );
        }
        for (code, word) in [
            (4100, ErrorCode::Unauthenticated),
            (4101, ErrorCode::NotFound),
            (4110, ErrorCode::WrongServer),
            (4199, ErrorCode::WrongServer),
            (1009, ErrorCode::TooLarge),
        ] {
            let Lost::Never(error) = of(code, "why") else {
                panic!("{code} forbids to come back")
            };
            assert_eq!(error.code, word);
            assert!(error.detail.contains("why"), "{error}");
        }
    }
}
