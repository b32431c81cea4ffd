//! A device that works while others do: it writes on its socket, follows its log on the same one, and says what it has
//! stored. Whenever the connection breaks, by its own hand or the server's, it comes back behind the last event it has,
//! and says again what was not answered, under the same key.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crewline_testkit::Random;
use crewline_testkit::model::secret_of;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use super::drawn::{Doing, doing};
use super::line::Line;
use super::together::{ACTS, Field};
use crate::rig::PATIENCE;

/// See the module.
struct Device {
    field: Field,
    who: &'static str,
    line: Option<Line>,
    /// Where that leads.
    at: Option<SocketAddr>,
    /// Events that it has, in the order in which they came.
    events: Vec<Value>,
    random: Random,
}

/// Acts, and then follows up to the goal: what came.
pub(super) async fn work(
    field: Field,
    who: &'static str,
    name: usize,
    seed: u64,
    mut goal: watch::Receiver<Option<BTreeMap<&'static str, u64>>>,
) -> (&'static str, Vec<Value>) {
    let mut device = Device {
        field,
        who,
        line: None,
        at: None,
        events: Vec::new(),
        random: Random::new(seed),
    };
    for at in 0..ACTS {
        let text = format!("{who} {name} {at}");
        match doing(&device.field, who, &text, &mut device.random) {
            Some(doing) => device.act(doing, &text).await,
            None => tokio::task::yield_now().await,
        }
        device.field.done.send_modify(|done| *done += 1);
    }
    let known = timeout(PATIENCE, goal.wait_for(Option::is_some)).await;
    let goal = known.unwrap().unwrap().as_ref().unwrap()[who];
    while device.told() < goal {
        let line = device.line().await;
        if !line.read().await {
            device.lose();
        }
        device.take();
    }
    (who, device.events)
}

impl Device {
    /// The last event that it has.
    fn told(&self) -> u64 {
        let last = self.events.last();
        last.map_or(0, |event| event["seq"].as_u64().unwrap())
    }

    /// Stores what came.
    fn take(&mut self) {
        if let Some(line) = &mut self.line {
            self.events.extend(line.take());
        }
    }

    /// The connection, opened where there is none.
    async fn line(&mut self) -> &mut Line {
        // A server that goes without a word takes its connections with it; one that goes so inside of this process may
        // leave some of them behind.
        if self.at != Some(*self.field.address.borrow()) {
            self.lose();
        }
        while self.line.is_none() {
            let address = *self.field.address.borrow_and_update();
            self.at = Some(address);
            let hello = json!({"after": self.told()});
            let opened = Line::try_open(address, &secret_of(self.who), &hello).await;
            match opened {
                Some(Ok((line, _))) => self.line = Some(line),
                Some(Err(refused)) if refused.status != 503 => panic!("{refused:?}"),
                // It has gone, or is about to.
                Some(Err(_)) | None => self.field.back_from(address).await,
            }
        }
        self.line.as_mut().expect("it was opened")
    }

    /// The server has closed the connection, or is gone.
    fn lose(&mut self) {
        self.take();
        self.line = None;
    }

    /// Does a command until it is answered.
    async fn act(&mut self, doing: Doing, text: &str) {
        let (name, body) = command(doing, text);
        loop {
            if self.random.one_in(6) {
                let whole = self.random.one_in(2);
                self.line().await;
                self.take();
                let line = self.line.take().expect("it is open");
                line.cut(name, &body, whole).await;
            }
            let address = *self.field.address.borrow();
            let done = self.line().await.try_command(name, &body).await;
            self.take();
            match done {
                None => self.lose(),
                Some(done) if done["error"]["status"] == 503 => {
                    // It is about to go: it comes back at another address.
                    self.line = None;
                    self.field.back_from(address).await;
                }
                Some(done) => {
                    assert!(done["error"].is_null(), "{done}");
                    if name != "receipts" {
                        self.field.learn(&done["ok"], self.who, text);
                    }
                    break;
                }
            }
        }
        let told = self.told();
        if told > 0 && self.random.one_in(3) {
            self.line().await.say(&json!({"ack": told})).await;
        }
    }
}

/// The name of a command on the socket, and its body.
fn command(doing: Doing, text: &str) -> (&'static str, Value) {
    match doing {
        Doing::Send(mut body) => {
            body["idempotencyKey"] = json!(text);
            ("send", body)
        }
        Doing::Reply { chat, mut body } => {
            body["chatId"] = json!(chat);
            body["idempotencyKey"] = json!(text);
            ("reply", body)
        }
        Doing::Receipt(receipt) => ("receipts", json!([receipt])),
    }
}
