//! Long polls over HTTP: calls that are under way while the play goes on.

use std::collections::BTreeMap;

use crewline_testkit::model::{Answer, Op, Place, Step, Tag};
use hyper::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::http::Http;
use super::wire::{Wire, encoded, place, refusal, secret, types};
use crate::call::Reply;
use crate::rig::PATIENCE;

/// The longest that the contract allows: longer than a play takes. What comes sooner comes for a reason.
const WAIT: &str = "&wait=60";

/// A call under way.
pub(crate) struct Poll {
    /// The same without waiting: it tells whether the call must have been answered.
    plain: Wire,
    call: JoinHandle<Option<Reply>>,
}

/// The long polls of a play.
#[derive(Default)]
pub(crate) struct Polls {
    waiting: BTreeMap<Tag, Poll>,
    answered: BTreeMap<Tag, Answer>,
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.call.abort();
    }
}

impl Polls {
    /// Nobody waits any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Http {
    pub(crate) async fn poll(&mut self, step: &Step) -> Answer {
        let Op::Poll {
            by,
            whose,
            place: from,
            kinds,
        } = &step.op
        else {
            unreachable!("called for polls")
        };
        let begun = Answer::new(200, serde_json::Value::Null);
        let secret = secret(&self.names, *by);
        let log = format!("/api/v1/participants/{}/events?limit=1", encoded(whose));
        let get = |query: &str| Wire::new(Method::GET, format!("{log}{query}"), secret.clone());
        let mut from = place(*from, |_| 0);
        if let Op::Poll {
            place: Place::End, ..
        } = &step.op
        {
            let reply = self.ask(&get("")).await;
            if let Some(refused) = refusal(&reply) {
                self.polls.answered.insert(step.tag, refused);
                return begun;
            }
            from = format!("&after={}", reply.value()["head"]);
        }
        let query = format!("{from}{}", types(*kinds));
        let (plain, waiting) = (get(&query), get(&format!("{query}{WAIT}")));
        let call = tokio::spawn(waiting.call(self.server.address).try_send());
        self.polls.waiting.insert(step.tag, Poll { plain, call });
        self.take_answers().await;
        begun
    }

    /// What a long poll was answered. One that waits must not have been answered, and is given up.
    pub(crate) async fn collect(&mut self, tag: Tag) -> Answer {
        self.take_answers().await;
        if let Some(answer) = self.polls.answered.remove(&tag) {
            return answer;
        }
        match self.polls.waiting.remove(&tag) {
            Some(mut poll) if poll.call.is_finished() => self.answer_of(&mut poll).await,
            _ => Answer::not_done(),
        }
    }

    /// Whether the credential of one that waits has ended.
    pub(crate) async fn some_poll_is_unknown(&mut self) -> bool {
        let plain: Vec<Wire> = self
            .polls
            .waiting
            .values()
            .map(|poll| poll.plain.clone())
            .collect();
        for wire in plain {
            if self.ask(&wire).await.status == 401 {
                return true;
            }
        }
        false
    }

    /// Takes the answers of those that need not wait any longer. They must come.
    pub(crate) async fn take_answers(&mut self) {
        for (tag, mut poll) in std::mem::take(&mut self.polls.waiting) {
            let now = self.ask(&poll.plain).await;
            if now.status == 200 && now.value()["events"] == json!([]) {
                self.polls.waiting.insert(tag, poll);
            } else {
                let answer = self.answer_of(&mut poll).await;
                self.polls.answered.insert(tag, answer);
            }
        }
    }

    async fn answer_of(&mut self, poll: &mut Poll) -> Answer {
        let answered = timeout(PATIENCE, &mut poll.call);
        let reply = answered
            .await
            .expect("a long poll is answered as soon as it may be");
        let reply = reply.unwrap().expect("the connection stands");
        if let Some(refused) = refusal(&reply) {
            return refused;
        }
        let page = reply.value();
        let body = json!({"events": page["events"], "next": page["next"]});
        Answer::new(reply.status, self.names.normal(body))
    }
}
