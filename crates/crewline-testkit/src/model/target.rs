//! Whatever steps can be done on: the specification, and what is compared with it.

use super::answer::Answer;
use super::op::{Made, Step};

/// See the module. A fault is the client's to play: what it loses, it loses on its own side of the connection.
#[expect(
    async_fn_in_trait,
    reason = "who drives a play waits for each call where it makes it"
)]
pub trait Target {
    /// What it is, for messages.
    fn name(&self) -> &'static str;

    /// Does what a step says, and answers when it is done.
    async fn call(&mut self, step: &Step, made: &Made) -> Answer;

    /// Loses the request of a step on its way: nothing may come of it.
    async fn lose_request(&mut self, _step: &Step, _made: &Made) {}

    /// Does what a step says, and loses the answer.
    async fn lose_answer(&mut self, step: &Step, made: &Made) {
        self.call(step, made).await;
    }

    /// Breaks the connection while a step is under way: all of it may come, or nothing. Repeated afterwards.
    async fn cut(&mut self, _step: &Step, _made: &Made) {}
}
