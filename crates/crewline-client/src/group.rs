//! Groups, and who is on duty.
//!
//! To send to a group is to name it in a message: [`NewMessageBuilder::to_group`](crewline_api::NewMessageBuilder::to_group).

use crewline_api::{Duty, GroupId, GroupsPage, NewDuty, NewGroup, ParticipantId};
use reqwest::Method;

use crate::http::{query_value, segment};
use crate::retry::keep_trying;
use crate::{Client, Error};

impl Client {
    /// A page of the groups, sorted by id. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn groups(&self, after: Option<&str>) -> Result<GroupsPage, Error> {
        let mut path = "/api/v1/groups".to_owned();
        if let Some(after) = after {
            path.push_str("?after=");
            path.push_str(&query_value(after));
        }
        self.get(&path).await
    }

    /// Makes a group, or changes it: what is said takes the place of what was. For dispatchers and administration.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::UnknownRecipient`] where somebody of it is no user; and as [`Client::send`].
    pub async fn put_group(&self, id: &GroupId, group: &NewGroup) -> Result<(), Error> {
        let path = group_path(id);
        keep_trying(self.patience(), || async {
            let request = self.http().request(Method::PUT, &path).json(group);
            self.http().call(request).await.map(drop)
        })
        .await
    }

    /// Removes a group. It is no error where there was none. For dispatchers and administration.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn remove_group(&self, id: &GroupId) -> Result<(), Error> {
        let path = group_path(id);
        keep_trying(self.patience(), || async {
            let request = self.http().request(Method::DELETE, &path);
            self.http().call(request).await.map(drop)
        })
        .await
    }

    /// Says whether a user is on duty; `None` is the user of the token. Of others for dispatchers and administration.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::NotFound`] where there is no such user; and as [`Client::send`].
    pub async fn set_duty(
        &self,
        user: Option<&ParticipantId>,
        on_duty: bool,
    ) -> Result<Duty, Error> {
        let who = user.map_or("me", ParticipantId::as_str);
        let path = format!("/api/v1/people/{}/duty", segment(who));
        self.put(&path, &NewDuty { on_duty }).await
    }
}

fn group_path(id: &GroupId) -> String {
    format!("/api/v1/groups/{}", segment(id.as_str()))
}
