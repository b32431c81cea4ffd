//! Reminders once more, as plainly as they can be said; and at the edge of the specification.

use crewline_api::{
    ApiError, ErrorCode, EventData, FieldCode, MessageId, NewReminder, ParticipantId, Priority,
    ReceiptState, Reminded, ReminderEvent, ReminderView, Role,
};
use crewline_core::{Answer as Done, Command, RemindCommand, Scope};

use super::answer::Answer;
use super::core::Core;
use super::edge::{Edge, good, not_allowed, unexpected};
use super::op::By;
use super::plain::Plain;

impl Plain {
    pub(super) fn remind(&mut self, command: &RemindCommand) -> Result<Done, ApiError> {
        self.check_actor(&command.actor)?;
        let by = &command.actor.id;
        let sender = command.watched.as_ref().unwrap_or(by);
        let mut all = self.messages.iter();
        let at = all.position(|message| Some(message.id) == command.message);
        let at = at.filter(|at| self.messages[*at].from == *sender);
        let at = at.ok_or_else(ApiError::not_found)?;
        let usual = if self.messages[at].priority == Priority::Emergency {
            ReceiptState::Acknowledged
        } else {
            ReceiptState::Read
        };
        let until = command.reminder.until.unwrap_or(usual);
        let id = self.messages[at].id;
        if let Some(last) = self.messages[at].reminders.last() {
            let age = self.now.as_millis() - last.at.as_millis();
            if (0..10_000).contains(&age) {
                return if last.by_user_id == *by && last.until == until {
                    Ok(done(id, last, true))
                } else {
                    Err(ApiError::new(ErrorCode::RemindedJustNow, ""))
                };
            }
        }
        let view = ReminderView {
            at: self.now,
            by_user_id: by.clone(),
            until,
            user_ids: self.silent(at, until),
        };
        if view.user_ids.is_empty() {
            return Ok(done(id, &view, true));
        }
        if self.messages[at].reminders.len() >= 100 {
            return Err(ApiError::field("messageId", FieldCode::TooMany, ""));
        }
        for who in &view.user_ids {
            let event = ReminderEvent {
                message_id: id,
                chat_id: self.chats[self.messages[at].chat].id,
                by_user_id: by.clone(),
                at: self.now,
                until,
                priority: self.messages[at].priority,
            };
            self.tell(who, EventData::MessageReminded(event));
        }
        let answer = done(id, &view, false);
        self.messages[at].reminders.push(view);
        Ok(answer)
    }

    /// The recipients of a message who have not come so far.
    fn silent(&self, at: usize, until: ReceiptState) -> Vec<ParticipantId> {
        let message = &self.messages[at];
        let members = self.chats[message.chat].members.iter();
        members
            .filter(|who| **who != message.from && self.state(at, who) < until)
            .cloned()
            .collect()
    }
}

fn done(message_id: MessageId, view: &ReminderView, again: bool) -> Done {
    Done::Reminded {
        reminded: Reminded {
            message_id,
            reminded_at: view.at,
            user_ids: view.user_ids.clone(),
        },
        again,
    }
}

impl<C: Core> Edge<C> {
    pub(super) async fn remind(
        &mut self,
        by: By,
        message: MessageId,
        until: Option<ReceiptState>,
    ) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        if matches!(credential.scope, Scope::Administration) {
            return Err(not_allowed());
        }
        let view = self.message(&credential, message, None);
        let sender = view.ok_or_else(ApiError::not_found)?.from_user_id;
        let (actor, watched) = match &credential.scope {
            Scope::User { id, .. } if *id == sender => (Self::actor(&credential, id, false), None),
            Scope::User { id, role, .. }
                if *role != Role::Crew && self.core.watches(id, &sender) =>
            {
                (Self::actor(&credential, id, false), Some(sender))
            }
            Scope::Externals(_) if self.covers(&credential, &sender) => {
                (Self::actor(&credential, &sender, true), None)
            }
            _ => return Err(not_allowed()),
        };
        let command = RemindCommand {
            actor,
            watched,
            message: Some(message),
            reminder: NewReminder { until },
        };
        match self.core.submit(Command::Remind(command)).await? {
            Done::Reminded { reminded, again } => {
                let status = if again { 200 } else { 201 };
                Ok(Answer::new(status, good(reminded).body))
            }
            other => unexpected(&other),
        }
    }
}
