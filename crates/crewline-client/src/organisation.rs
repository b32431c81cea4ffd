//! What the organisation keeps: stock phrases, whom an SOS goes to, the number to call.

use crewline_api::{EmergencyPhone, ErrorCode, Organisation, Phrases, Sos};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Client, Error};

impl Client {
    /// What the organisation keeps.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn organisation(&self) -> Result<Organisation, Error> {
        self.get("/api/v1/organisation").await
    }

    /// Sets the stock phrases; their `revision` is the one that was read. For administration. Returns them as they stand.
    ///
    /// # Errors
    /// [`ErrorCode::RevisionConflict`] where somebody else was quicker; and as [`Client::send`].
    pub async fn put_phrases(&self, phrases: &Phrases) -> Result<Phrases, Error> {
        let mut done = phrases.clone();
        done.revision += 1;
        self.put_part("phrases", phrases, done, |all| all.phrases)
            .await
    }

    /// Sets whom an SOS goes to; as [`Client::put_phrases`].
    ///
    /// # Errors
    /// [`ErrorCode::UnknownRecipient`] where somebody is not known; and as [`Client::put_phrases`].
    pub async fn put_sos(&self, sos: &Sos) -> Result<Sos, Error> {
        let mut done = sos.clone();
        done.revision += 1;
        self.put_part("sos", sos, done, |all| all.sos).await
    }

    /// Sets the number to call for emergencies; as [`Client::put_phrases`].
    ///
    /// # Errors
    /// As [`Client::put_phrases`].
    pub async fn put_phone(&self, phone: &EmergencyPhone) -> Result<EmergencyPhone, Error> {
        let mut done = phone.clone();
        done.revision += 1;
        self.put_part("phone", phone, done, |all| all.phone).await
    }

    /// Sets a part. A try whose answer was lost has moved the revision, so that the next one is refused: where the part stands
    /// as this call makes it, it was this call.
    async fn put_part<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        name: &str,
        part: &T,
        done: T,
        of: impl Fn(Organisation) -> T,
    ) -> Result<T, Error> {
        let path = format!("/api/v1/organisation/{name}");
        match self.put(&path, part).await {
            Err(error) if error.code == ErrorCode::RevisionConflict => {
                let stands = of(self.organisation().await?);
                if stands == done {
                    Ok(stands)
                } else {
                    Err(error)
                }
            }
            answer => answer,
        }
    }
}
