//! Sends a message and follows what becomes of it, until the person has read it.
//!
//! `crewline serve --demo` prints a token of `scada:demo`, and how alice reads. In another terminal:
//! `CREWLINE_TOKEN=… cargo run --package crewline-client --example receipts`

use std::error::Error;

use crewline_client::Client;
use crewline_client::api::{EventData, NewMessage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("CREWLINE_URL").unwrap_or("http://127.0.0.1:8080".to_owned());
    let token = std::env::var("CREWLINE_TOKEN").map_err(|_| "CREWLINE_TOKEN says who sends")?;
    follow(&url, &token, |line| println!("{line}")).await
}

/// Sends, and tells each state as it comes.
pub(crate) async fn follow(
    url: &str,
    token: &str,
    tell: impl Fn(String),
) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(url, token).build()?;
    // From before the message on, so that no receipt comes unseen.
    let head = client.head(None).await?;
    let from = head.participant.ok_or("the token names several")?;
    let mut session = client.session().after(head.head).connect().await?;
    let message = NewMessage::builder(from.as_str(), "SCADA", "Breaker 1204 has tripped");
    let sent = session.handle().send(message.to("alice").build()?).await?;
    tell(format!("{} is accepted", sent.message_id));
    loop {
        for event in session.next().await? {
            match event.parse()?.map(|event| event.data) {
                Some(EventData::MessageDelivered(data)) => {
                    tell(format!("delivered to {}", data.user_id));
                }
                Some(EventData::MessageRead(data)) if data.message_id == sent.message_id => {
                    tell(format!("read by {} at {}", data.user_id, data.at));
                    session.close().await;
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}
