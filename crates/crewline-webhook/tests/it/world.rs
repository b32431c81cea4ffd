//! An engine, webhooks on it, and who sends.

use std::sync::Arc;
use std::time::Duration;

use crewline_api::{
    EventKinds, MessageId, NewMessage, NewReminder, Priority, ReceiptState, Seq, WebhookFailure,
    WebhookUrl,
};
use crewline_core::Network;
use crewline_core::{
    Actor, Answer, Command, DeviceNo, ExternalPattern, MemoryStore, NewToken, NewWebhookRow,
    RemindCommand, Retention, SecretHash, SendCommand, Settings as Decisions, TokenOwner,
    UnknownRecipients, WebhookAct, WebhookNo, WebhookRow, WebhookSecret,
};
use crewline_engine::{Clock, Engine, Options, SystemClock};
use crewline_webhook::{Pace, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The external whose events are posted.
pub(crate) const DESK: &str = "desk";

pub(crate) struct World {
    pub(crate) engine: Engine,
    settings: Settings,
    stop: CancellationToken,
    posting: Option<JoinHandle<()>>,
}

/// Webhooks that may post to this machine; time goes a thousand times faster.
pub(crate) fn settings(times: u32) -> Settings {
    Settings::new(networks(&["127.0.0.0/8", "::1"]), None, Pace::faster(times)).unwrap()
}

pub(crate) fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn secret() -> WebhookSecret {
    WebhookSecret::from_random([7; 32])
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(settings(1_000)).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::keeping(settings, None, Arc::new(SystemClock)).await
    }

    /// With retention, on a clock of the test.
    pub(crate) async fn keeping(
        settings: Settings,
        retention: Option<Retention>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let options = Options {
            settings: Decisions {
                unknown_recipients: UnknownRecipients::Accept,
            },
            retention,
            audit_keep: None,
        };
        let opened = MemoryStore::new("epoch").open();
        let engine = Engine::start(opened, options, clock).unwrap();
        let token = NewToken {
            hash: SecretHash::of("desk's"),
            owner: TokenOwner::Externals(vec![ExternalPattern::Exact(DESK.parse().unwrap())]),
        };
        let made = engine.directory(move |directory, now| directory.create_token(&token, now));
        made.await.unwrap().unwrap();
        let mut world = Self {
            engine,
            settings,
            stop: CancellationToken::new(),
            posting: None,
        };
        world.start();
        world
    }

    /// Begins to post.
    pub(crate) fn start(&mut self) {
        self.stop = CancellationToken::new();
        let run = crewline_webhook::run(
            self.engine.clone(),
            self.settings.clone(),
            self.stop.clone(),
        );
        self.posting = Some(tokio::spawn(run));
    }

    /// Ends posting, in good order.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        self.posting.take().unwrap().await.unwrap();
    }

    /// Adds a webhook of the desk.
    pub(crate) async fn add(&self, url: &str) -> WebhookNo {
        self.put(url, EventKinds::ALL, None).await
    }

    pub(crate) async fn add_of(&self, url: &str, kinds: EventKinds) -> WebhookNo {
        self.put(url, kinds, None).await
    }

    /// Adds one that begins with the first event: when that has come, the list of webhooks was read.
    pub(crate) async fn add_from_the_start(&self, url: &str) -> WebhookNo {
        self.put(url, EventKinds::ALL, Some(0)).await
    }

    async fn put(&self, url: &str, kinds: EventKinds, after: Option<Seq>) -> WebhookNo {
        let new = NewWebhookRow {
            participant: DESK.parse().unwrap(),
            url: WebhookUrl::new(url).unwrap(),
            kinds,
            secret: secret(),
            after,
        };
        let added = self
            .engine
            .directory(move |directory, now| directory.add_webhook(&new, now));
        added.await.unwrap().unwrap()
    }

    pub(crate) async fn act(&self, no: WebhookNo, act: WebhookAct) {
        let acted = self
            .engine
            .directory(move |directory, _| directory.act_on_webhook(no, &act));
        acted.await.unwrap().unwrap();
    }

    /// Sends to the desk.
    pub(crate) async fn send(&self, text: &str) -> MessageId {
        self.send_as(text, Priority::Fleeting).await
    }

    pub(crate) async fn send_as(&self, text: &str, priority: Priority) -> MessageId {
        let message = NewMessage::builder("scada", "Scada", text)
            .to(DESK)
            .priority(priority)
            .build()
            .unwrap();
        let command = Command::Send(SendCommand::new(message, DeviceNo(0)).unwrap());
        match self.engine.submit(command).await.unwrap() {
            Answer::Sent { sent, .. } => sent.message_id,
            other => panic!("{other:?}"),
        }
    }

    /// Reminds the desk of a message that it has not acknowledged.
    pub(crate) async fn remind(&self, message: MessageId) {
        let command = Command::Remind(RemindCommand {
            actor: Actor {
                id: "scada".parse().unwrap(),
                external: true,
                device: DeviceNo(0),
            },
            watched: None,
            message: Some(message),
            reminder: NewReminder::default(),
        });
        match self.engine.submit(command).await.unwrap() {
            Answer::Reminded { reminded, .. } => assert_eq!(reminded.user_ids.len(), 1),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn row(&self, no: WebhookNo) -> WebhookRow {
        let rows = self.engine.read(|reader| reader.webhooks()).await.unwrap();
        rows.into_iter().find(|row| row.no == no).unwrap()
    }

    /// Waits until a webhook is as it should be, and returns it.
    pub(crate) async fn until(
        &self,
        no: WebhookNo,
        wanted: impl Fn(&WebhookRow) -> bool,
    ) -> WebhookRow {
        let look = async {
            loop {
                let row = self.row(no).await;
                if wanted(&row) {
                    return row;
                }
                tokio::task::yield_now().await;
            }
        };
        let Ok(row) = tokio::time::timeout(Duration::from_secs(30), look).await else {
            panic!("it never is so: {:?}", self.row(no).await);
        };
        row
    }

    /// Waits until the cursor stands there.
    pub(crate) async fn until_at(&self, no: WebhookNo, seq: Seq) -> WebhookRow {
        self.until(no, |row| row.seq == seq).await
    }

    pub(crate) async fn failures(&self, no: WebhookNo) -> Vec<WebhookFailure> {
        let failures = self
            .engine
            .read(move |reader| reader.webhook_failures(no, 0, 100));
        failures.await.unwrap()
    }

    /// What its sender knows of a message to the desk.
    pub(crate) async fn state(&self, message: MessageId) -> ReceiptState {
        let view = self.engine.read(move |reader| {
            let scada = reader.participant(&"scada".parse().unwrap())?.unwrap();
            reader.message(&[scada.no], message)
        });
        view.await.unwrap().unwrap().recipients[0].state
    }
}
