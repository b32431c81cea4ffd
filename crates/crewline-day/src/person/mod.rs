//! Somebody with a device: a dispatcher, or a crew in the field. Everything that they have to say waits in the outbox of the
//! device, and is said in order; everything that they are told is stored before it is confirmed.

mod device;
mod doing;
mod react;

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crewline_client::api::{
    ChatId, EventData, MessageEvent, MessageId, ParticipantId, Priority, Seq,
};
use crewline_client::{Client, Error, RawEvent, Session};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::device::Device;
use self::doing::Done;
use self::react::Reaction;
use crate::calls::sign_in;
use crate::cast::{Cast, Who};
use crate::dice::Dice;
use crate::ledger::State;
use crate::line::Weather;
use crate::storm::Trouble;
use crate::world::World;

/// What a device waits for an answer, while nothing else is heard.
const ANSWER: Duration = Duration::from_secs(5);
/// A device keeps trying for longer than a day of the demo.
const PATIENCE: Duration = Duration::from_hours(24);
/// After an answer that says "not now".
const AGAIN: Duration = Duration::from_secs(1);
/// Far away.
const NEVER: Duration = Duration::from_hours(30 * 24);

/// What the script wants of somebody.
#[derive(Debug)]
pub(crate) enum Order {
    /// Write to these crews.
    Call {
        to: Vec<Who>,
        priority: Priority,
        text: &'static str,
    },
    /// Raise an SOS.
    Sos,
    /// The device or its connection fails.
    Fail {
        trouble: Trouble,
        for_s: f64,
        late_ms: u64,
    },
    /// The day is over: no more trouble, and nothing new; finish what there is.
    Finish,
}

/// What somebody knows without a device.
#[derive(Debug, Default)]
struct Memory {
    /// Said, and answered.
    read: HashSet<MessageId>,
    acknowledged: HashSet<MessageId>,
    /// The last event of the log that this person was ever shown.
    heard: Seq,
    /// Emergencies that this person has seen and not acknowledged.
    open: HashSet<MessageId>,
    answered: HashSet<MessageId>,
    /// The last message of each chat that was on the screen.
    last: HashMap<ChatId, (u64, MessageId)>,
    /// The chats, by who is in them.
    chats: HashMap<Vec<ParticipantId>, ChatId>,
}

/// Somebody; see the module.
pub(crate) struct Person {
    who: Who,
    world: Arc<World>,
    password: String,
    dice: Dice,
    device: Device,
    memory: Memory,
    reactions: BinaryHeap<Reaction>,
    session: Option<Session>,
    trouble: Option<(Trouble, Instant)>,
    not_before: Instant,
    is_finishing: bool,
}

type Doing = Pin<Box<dyn Future<Output = Result<Done, Error>> + Send>>;

/// What a person waits for.
enum Happened {
    Ordered(Option<Order>),
    Told(Result<Vec<RawEvent>, Error>),
    Done(Result<Done, Error>),
    Due,
}

impl Person {
    /// Signs in, and is on duty from now on.
    pub(crate) async fn sign_in(
        who: Who,
        world: Arc<World>,
        password: String,
    ) -> Result<Self, String> {
        let mut person = Self {
            who,
            dice: Dice::of(world.seed, 10, who.into()),
            password,
            device: Device::default(),
            memory: Memory::default(),
            reactions: BinaryHeap::new(),
            session: None,
            trouble: None,
            not_before: Instant::now(),
            is_finishing: false,
            world,
        };
        person.take_new_device().await?;
        let client = person.client(&format!("http://{}", person.world.server))?;
        client
            .set_duty(None, true)
            .await
            .map_err(|error| error.to_string())?;
        person.switch_on();
        Ok(person)
    }

    /// Plays until nobody gives orders any more.
    pub(crate) async fn play(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut doing: Option<Doing> = None;
        loop {
            if doing.is_none() {
                doing = self.begin();
            }
            self.show();
            let due = self.due(doing.is_some());
            match happening(&mut orders, self.session.as_mut(), &mut doing, due).await {
                Happened::Ordered(None) => return,
                Happened::Ordered(Some(order)) => self.ordered(order, &mut doing).await,
                Happened::Told(Ok(events)) => self.hear(&events),
                Happened::Told(Err(error)) => {
                    self.session = None;
                    self.world
                        .ledger()
                        .refused(format!("{}: its session ended: {error}", self.name()));
                }
                Happened::Done(done) => {
                    doing = None;
                    self.done(done);
                }
                Happened::Due => self.due_now(),
            }
        }
    }

    fn name(&self) -> &str {
        self.world.cast.name(self.who)
    }

    fn due(&self, is_doing: bool) -> Instant {
        let mut due = Instant::now() + NEVER;
        if let Some((_, until)) = self.trouble {
            due = due.min(until);
        }
        if let Some(reaction) = self.reactions.peek() {
            due = due.min(reaction.at);
        }
        if !is_doing && !self.device.outbox.is_empty() && self.session.is_some() {
            due = due.min(self.not_before);
        }
        due
    }

    fn due_now(&mut self) {
        if self
            .trouble
            .is_some_and(|(_, until)| until <= Instant::now())
        {
            self.mend();
        }
        // A device that is off shows nothing, and nobody presses anything.
        while self.session.is_some()
            && self
                .reactions
                .peek()
                .is_some_and(|reaction| reaction.at <= Instant::now())
        {
            if let Some(reaction) = self.reactions.pop() {
                self.react(reaction);
            }
        }
        if self.session.is_none()
            && let Some(reaction) = self.reactions.pop()
        {
            // Looked at again when the trouble is over.
            let at = self
                .trouble
                .map_or_else(|| Instant::now() + AGAIN, |(_, until)| until);
            self.reactions.push(Reaction {
                at: at.max(reaction.at),
                ..reaction
            });
        }
    }

    fn show(&self) {
        let status = self.world.status(self.who);
        let left = self.device.left();
        status.outbox.store(left, Ordering::Relaxed);
        status.is_busy.store(
            left + self.reactions.len() > 0 || self.trouble.is_some(),
            Ordering::Relaxed,
        );
        status
            .is_off
            .store(self.session.is_none(), Ordering::Relaxed);
        status
            .emergencies
            .store(self.memory.open.len(), Ordering::Relaxed);
    }

    /// Stores what came, and confirms it after that.
    fn hear(&mut self, events: &[RawEvent]) {
        self.world.heard(self.who);
        for event in events {
            if event.seq() != self.device.seq + 1 {
                self.world.ledger().counts.gaps += 1;
            }
            self.device.seq = event.seq();
            match event.parse() {
                Ok(Some(event)) => {
                    // A wiped device reads the log from its beginning: its person was told of that before.
                    let is_news = event.seq > self.memory.heard;
                    self.memory.heard = event.seq.max(self.memory.heard);
                    self.store(&event.data, is_news);
                }
                Ok(None) => {}
                Err(error) => self.world.ledger().refused(error.to_string()),
            }
        }
        if let Some(session) = &self.session
            && let Err(error) = session.ack(self.device.seq)
        {
            self.world.ledger().refused(error.to_string());
        }
    }

    fn store(&mut self, data: &EventData, is_news: bool) {
        match data {
            EventData::MessageReceived(event) => {
                let again = !self.device.got.insert(event.message_id);
                self.world.received(self.who, event, again);
                self.opened(event);
                self.consider(event);
            }
            EventData::MessageSent(event) => self.opened(event),
            _ if !is_news => {}
            EventData::MessageDelivered(event) => self.world.told(event, State::Delivered),
            EventData::MessageRead(event) => self.world.told(event, State::Read),
            EventData::MessageAcknowledged(event) => {
                self.world.told(event, State::Acknowledged);
                self.world
                    .status(self.who)
                    .sos_ms
                    .store(0, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// A message is in a chat.
    fn opened(&mut self, event: &MessageEvent) {
        self.saw(event.chat_id, event.position, event.message_id);
        let all = event.all_user_ids.to_vec();
        self.memory.chats.entry(all).or_insert(event.chat_id);
    }

    /// A message of a chat was on the screen.
    fn saw(&mut self, chat: ChatId, position: u64, id: MessageId) {
        let last = self.memory.last.entry(chat).or_insert((position, id));
        if position > last.0 {
            *last = (position, id);
        }
    }

    async fn ordered(&mut self, order: Order, doing: &mut Option<Doing>) {
        match order {
            Order::Call { to, priority, text } => self.call(&to, priority, text),
            Order::Sos => self.raise_sos(doing),
            Order::Fail {
                trouble,
                for_s,
                late_ms,
            } => {
                if self.trouble.is_none() && !self.is_finishing {
                    self.fail(trouble, for_s, late_ms, doing).await;
                }
            }
            Order::Finish => {
                self.is_finishing = true;
                if self.trouble.is_some() {
                    self.mend();
                }
                if let Some(line) = self.world.line(self.who) {
                    line.shake();
                }
                let reactions = std::mem::take(&mut self.reactions);
                let now = Instant::now();
                let left = reactions
                    .into_iter()
                    .filter(|reaction| reaction.what.is_receipt());
                self.reactions = left
                    .map(|reaction| Reaction {
                        at: now,
                        ..reaction
                    })
                    .collect();
            }
        }
    }

    /// Trouble begins.
    async fn fail(
        &mut self,
        trouble: Trouble,
        for_s: f64,
        late_ms: u64,
        doing: &mut Option<Doing>,
    ) {
        let world = Arc::clone(&self.world);
        let Some(line) = world.line(self.who) else {
            return;
        };
        let what = match trouble {
            Trouble::Cut => "has no signal",
            Trouble::Slow => "has a slow connection",
            Trouble::HalfOpen => "has a half-open connection",
            Trouble::Restart => "restarts the device",
            Trouble::Wiped => "restarts a device that has lost everything",
            Trouble::Off => "is silent: switched off",
        };
        self.world.news(self.who, what);
        match trouble {
            Trouble::Cut => line.set(Weather::Cut),
            Trouble::Slow => line.set(Weather::Fair(Duration::from_millis(late_ms))),
            Trouble::HalfOpen => line.set(Weather::HalfOpen),
            Trouble::Restart | Trouble::Off | Trouble::Wiped => {
                // As when the battery falls out: nothing is said any more, not even a farewell.
                line.set(Weather::Cut);
                (self.session, *doing) = (None, None);
                self.device.put_back();
            }
        }
        if trouble == Trouble::Wiped {
            self.forget();
            if let Err(fault) = self.take_new_device().await {
                self.world.ledger().refused(fault);
            }
        }
        let until = Instant::now() + self.world.clock.real(for_s);
        self.trouble = Some((trouble, until));
    }

    fn mend(&mut self) {
        self.trouble = None;
        if let Some(line) = self.world.line(self.who) {
            line.set(Weather::Fair(Duration::ZERO));
        }
        if self.session.is_none() {
            self.switch_on();
        }
    }

    /// The device knows nothing any more: what it had not said is forgotten with it.
    fn forget(&mut self) {
        let forgotten = self
            .device
            .outbox
            .iter()
            .filter(|deed| matches!(deed, device::Deed::Reply { .. }));
        self.world.ledger().counts.forgotten += forgotten.count() as u64;
        self.device = Device::default();
        self.reactions.clear();
    }

    async fn take_new_device(&mut self) -> Result<(), String> {
        // A UUID of version 4, from the dice.
        let (high, low) = (self.dice.bits(), self.dice.bits());
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        let who = self.world.cast.id(self.who);
        self.device.token = sign_in(self.world.server, who, &self.password, id).await?;
        Ok(())
    }

    fn client(&self, url: &str) -> Result<Client, String> {
        let client = Client::builder(url, &self.device.token)
            .timeout(ANSWER)
            .patience(PATIENCE);
        client.build().map_err(|error| error.to_string())
    }

    fn switch_on(&mut self) {
        let url = match self.world.line(self.who) {
            Some(line) => line.url(),
            None => format!("http://{}", self.world.server),
        };
        match self.client(&url) {
            Ok(client) => self.session = Some(client.session().after(self.device.seq).start()),
            Err(fault) => self.world.ledger().refused(fault),
        }
        self.world.ledger().counts.sessions += 1;
    }

    fn is_desk(&self) -> bool {
        Cast::is_desk(self.who)
    }
}

async fn happening(
    orders: &mut mpsc::Receiver<Order>,
    session: Option<&mut Session>,
    doing: &mut Option<Doing>,
    due: Instant,
) -> Happened {
    let told = async {
        match session {
            Some(session) => session.next().await,
            None => std::future::pending().await,
        }
    };
    let done = async {
        match doing {
            Some(doing) => doing.await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        order = orders.recv() => Happened::Ordered(order),
        events = told => Happened::Told(events),
        done = done => Happened::Done(done),
        () = sleep_until(due) => Happened::Due,
    }
}
