//! Who can be reached now, and who is there.

use std::time::Duration;

use crewline_api::{AskReach, PresencePage, Reach};

use crate::http::query_value;
use crate::{Client, Error};

impl Client {
    /// Asks who can be reached now, of the people and groups whom a message would go to. Nothing is sent. For externals,
    /// dispatchers and administration.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn reach(&self, ask: &AskReach) -> Result<Reach, Error> {
        self.post("/api/v1/reach", ask).await
    }

    /// A page of who is there. `after` is the `next` of the page before. For dispatchers and administration.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn presence(&self, after: Option<&str>) -> Result<PresencePage, Error> {
        let mut path = "/api/v1/people/presence".to_owned();
        if let Some(after) = after {
            path.push_str("?after=");
            path.push_str(&query_value(after));
        }
        self.get(&path).await
    }

    /// The first page of who is there, as soon as its `version` is another one than `since`, or after so long (a minute at
    /// most, and less than a try of this client may take).
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn presence_after(&self, since: u64, wait: Duration) -> Result<PresencePage, Error> {
        let most = self.http().timeout() / 2;
        let wait = wait
            .min(most)
            .as_secs()
            .min(crewline_api::limits::WAIT_S_MAX);
        let path = format!("/api/v1/people/presence?since={since}&wait={wait}");
        self.get(&path).await
    }
}
