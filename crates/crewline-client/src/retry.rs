//! Tries again what may succeed later, for as long as the caller's patience lasts.

use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::backoff::Backoff;

/// Calls until it works, is refused for good, or the time is over. Without any patience it calls once.
///
/// Whoever calls makes sure that each try means the same: what was done by a try whose answer was lost is found again.
pub(crate) async fn keep_trying<T, F: Future<Output = Result<T, Error>>>(
    patience: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, Error> {
    if patience.is_zero() {
        return call().await;
    }
    let deadline = deadline(patience);
    let mut backoff = Backoff::default();
    let mut last = None;
    loop {
        match tokio::time::timeout_at(deadline, call()).await {
            Ok(Err(error)) if error.is_retryable() => {
                let wait = backoff.next(error.retry_after);
                if Instant::now() + wait >= deadline {
                    return Err(error);
                }
                tracing::info!(
                    "{}; trying again in {:.1} s",
                    error.detail,
                    wait.as_secs_f64()
                );
                last = Some(error);
                tokio::time::sleep(wait).await;
            }
            Ok(done) => return done,
            Err(_) => return Err(last.unwrap_or_else(|| no_answer(patience))),
        }
    }
}

/// The point in time so far from now. One that no clock can show is as good as never.
pub(crate) fn deadline(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience)
        .unwrap_or(now + Duration::from_hours(24 * 365))
}

pub(crate) fn no_answer(patience: Duration) -> Error {
    Error::unreachable(format!(
        "the server did not answer within {} s; whether it was done is not known: do the same again, with the same idempotency key",
        patience.as_secs_f64()
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crewline_api::ErrorCode;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_may_succeed_later_is_tried_again_and_what_never_will_is_not() {
        let calls = Cell::new(0);
        let count = |answers: &'static [ErrorCode]| {
            calls.set(0);
            let calls = &calls;
            keep_trying(Duration::from_secs(30), move || async move {
                calls.set(calls.get() + 1);
                match answers.get(calls.get() - 1) {
                    Some(code) => Err(Error::new(*code, "no")),
                    None => Ok(calls.get()),
                }
            })
        };
        let done = count(&[ErrorCode::Unreachable, ErrorCode::Busy]).await;
        assert_eq!(done, Ok(3));
        let refused = count(&[ErrorCode::Busy, ErrorCode::Invalid, ErrorCode::Busy]).await;
        assert_eq!(
            (refused.unwrap_err().code, calls.get()),
            (ErrorCode::Invalid, 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_the_last_word_of_the_server_is_told() {
        let begin = Instant::now();
        let error = keep_trying(Duration::from_secs(30), || async {
            Err::<(), _>(Error::new(ErrorCode::Busy, "full"))
        });
        assert_eq!(error.await.unwrap_err().code, ErrorCode::Busy);
        assert!(begin.elapsed() <= Duration::from_secs(30));
        let never = keep_trying(
            Duration::from_secs(30),
            std::future::pending::<Result<(), _>>,
        );
        assert_eq!(never.await.unwrap_err().code, ErrorCode::Unreachable);
        assert!(begin.elapsed() >= Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn without_patience_there_is_one_try_that_takes_its_time() {
        let calls = Cell::new(0);
        let error = keep_trying(Duration::ZERO, || async {
            calls.set(calls.get() + 1);
            tokio::time::sleep(Duration::from_secs(9)).await;
            Err::<(), _>(Error::new(ErrorCode::Busy, "full"))
        });
        assert_eq!(
            (error.await.unwrap_err().code, calls.get()),
            (ErrorCode::Busy, 1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_as_long_as_the_server_asks_for() {
        let begin = Instant::now();
        let tried = Cell::new(false);
        let done = keep_trying(Duration::from_mins(10), || async {
            if tried.replace(true) {
                return Ok(begin.elapsed());
            }
            let mut error = Error::new(ErrorCode::TooManyRequests, "too much");
            error.retry_after = Some(Duration::from_mins(2));
            Err(error)
        });
        assert!(done.await.unwrap() >= Duration::from_mins(2));
    }
}
