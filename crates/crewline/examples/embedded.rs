//! Crewline in a process of your own: a system sends, a person reads and answers, and the system learns of each step.
//!
//! Run it with `cargo run -p crewline --example embedded`. Run it again: the file has kept everything.

use crewline::{ChatApi, Crewline, NewMessage, NewMessageUser, Priority, next};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "crewline-example.db".to_owned());
    let crewline = Crewline::open(&path).await?;

    // The control room sends. The bytes come back when Alice has read the message.
    let message = NewMessage::builder("scada:feeder-7", "Feeder 7", "Breaker 1204 has tripped")
        .to(NewMessageUser::new("alice").on_read_payload(b"ticket-17"))
        .priority(Priority::Sticky)
        .build()?;
    let sent = crewline.send_message(message).await?;
    println!("stored as {} in chat {}", sent.message_id, sent.chat_id);

    // Alice, by whatever way your process reaches her.
    let alice = crewline.person("alice").await?;
    alice.delivered(sent.message_id).await?;
    alice.reply(sent.chat_id, "On my way").await?;

    // The control room gets the payload and the answer. What was taken is not given out again, also after a restart.
    let mut payloads = crewline.receive_payloads("scada:feeder-7".parse()?);
    let fired = next(&mut payloads).await.ok_or("the stream ended")??;
    println!(
        "{} has read it: {}",
        fired.user_id,
        String::from_utf8_lossy(fired.payload.as_bytes())
    );

    let mut replies = crewline.receive_messages("scada:feeder-7".parse()?);
    let reply = next(&mut replies).await.ok_or("the stream ended")??;
    println!("{} answers: {}", reply.from_user_id, reply.message);

    drop((payloads, replies));
    crewline.close().await;
    Ok(())
}
