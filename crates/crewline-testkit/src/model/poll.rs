//! Long polls of the specification: calls that wait for the first event, and end with the right to wait for it.

use crewline_api::{ApiError, EventKinds};
use serde_json::json;

use super::answer::Answer;
use super::core::Core;
use super::edge::{Edge, good};
use super::op::{By, Place, Tag};

/// A long poll that waits. It asks for one event: which those are that are there at once is up to chance.
#[derive(Clone)]
pub(super) struct Waiting {
    by: By,
    whose: &'static str,
    after: Option<u64>,
    kinds: EventKinds,
    /// What it was answered, once it was.
    answer: Option<Answer>,
}

impl<C: Core> Edge<C> {
    pub(super) async fn poll(
        &mut self,
        tag: Tag,
        by: By,
        whose: &'static str,
        place: Place,
        kinds: EventKinds,
    ) -> Answer {
        let mut poll = Waiting {
            by,
            whose,
            after: None,
            kinds,
            answer: None,
        };
        match (place, self.head(&poll).await) {
            (_, Err(error)) => poll.answer = Some(error.into()),
            (Place::End, Ok(head)) => poll.after = Some(head),
            (Place::After(seq), Ok(_)) => poll.after = Some(seq),
            (_, Ok(_)) => {}
        }
        self.polls.insert(tag, poll);
        Answer::new(200, serde_json::Value::Null)
    }

    pub(super) fn collect(&mut self, tag: Tag) -> Answer {
        let poll = self.polls.remove(&tag);
        poll.and_then(|poll| poll.answer)
            .unwrap_or_else(Answer::not_done)
    }

    /// What a long poll is answered by now.
    async fn answer_to(&mut self, poll: &Waiting) -> Option<Answer> {
        match self.first_event(poll).await {
            Ok(answer) => answer,
            Err(error) => Some(error.into()),
        }
    }

    /// The last event of the log, where the caller may read it.
    async fn head(&mut self, poll: &Waiting) -> Result<u64, ApiError> {
        let credential = self.credential(poll.by)?;
        let (no, _) = self.reads(&credential, poll.whose).await?;
        let page = self.core.page(no, None, EventKinds::ALL, 1).await?;
        Ok(page.head)
    }

    async fn first_event(&mut self, poll: &Waiting) -> Result<Option<Answer>, ApiError> {
        let credential = self.credential(poll.by)?;
        let (no, _) = self.reads(&credential, poll.whose).await?;
        let page = self.core.page(no, poll.after, poll.kinds, 1).await?;
        if page.events.is_empty() {
            return Ok(None);
        }
        let Answer { status, body } = good(json!({"events": page.events, "next": page.next}));
        Ok(Some(Answer::new(status, self.names.normal(body))))
    }

    /// Answers those that need not wait any longer: there is an event, or they may not wait for one any more.
    pub(super) async fn answer_polls(&mut self) {
        let tags: Vec<Tag> = self.polls.keys().copied().collect();
        for tag in tags {
            let poll = self.polls[&tag].clone();
            if poll.answer.is_none() {
                let answer = self.answer_to(&poll).await;
                if let Some(poll) = self.polls.get_mut(&tag) {
                    poll.answer = answer;
                }
            }
        }
    }
}
