//! The control system: sends alarms, orders and notices with payloads for each recipient, and hears what becomes of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crewline_client::api::{
    CursorName, EventData, NewMessage, NewMessageGroup, NewMessageUser, Payload, Priority,
};
use crewline_client::{Client, Error, Handle, RawEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cast::SCADA;
use crate::ledger::{ForWhom, Reference, State, text_of};
use crate::payload::{payload, place, place_of_group};
use crate::script::To;
use crate::world::World;

/// Sends under way; then the script waits.
const UNDER_WAY: usize = 256;
const PATIENCE: Duration = Duration::from_hours(24);

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) to: To,
    pub(crate) priority: Priority,
    pub(crate) text: &'static str,
}

/// Plays the control system until nobody gives orders any more.
pub(crate) async fn play(
    world: Arc<World>,
    token: String,
    mut orders: mpsc::Receiver<Order>,
) -> Result<(), String> {
    let client = Client::builder(&format!("http://{}", world.server), &token)
        .patience(PATIENCE)
        .build();
    let client = client.map_err(|error| error.to_string())?;
    let cursor = CursorName::new("day").map_err(|error| error.to_string())?;
    let session = client
        .session()
        .cursor(cursor)
        .confirm_by_asking()
        .connect()
        .await;
    let mut session = session.map_err(|error| error.to_string())?;
    let mut sends = JoinSet::new();
    let mut last = None;
    let status = world.status(SCADA);
    loop {
        status.is_busy.store(!sends.is_empty(), Ordering::Relaxed);
        status.outbox.store(sends.len(), Ordering::Relaxed);
        tokio::select! {
            order = orders.recv(), if sends.len() < UNDER_WAY => match order {
                Some(order) => {
                    sends.spawn(send(Arc::clone(&world), session.handle(), order));
                }
                None => return Ok(()),
            },
            Some(_) = sends.join_next() => {}
            events = session.next() => match events {
                Ok(events) => hear(&world, &events, &mut last),
                Err(error) => {
                    world.ledger().refused(format!("the control system's session ended: {error}"));
                    return Err(error.to_string());
                }
            },
        }
    }
}

async fn send(world: Arc<World>, handle: Handle, order: Order) {
    let of = match order.to {
        To::Area(_) => ForWhom::Groups,
        To::Crews(_) => ForWhom::Each,
    };
    let begun = world.clock.ms();
    let reference = world.ledger().begin(SCADA, order.priority, Some(of), begun);
    let text = text_of(reference, order.text);
    let sent = match message(&world, &order, reference, &text) {
        Ok(message) => handle.send(message).await,
        Err(error) => Err(error),
    };
    let now = world.clock.ms();
    match sent {
        Ok(sent) => world.ledger().answered(&world.cast, &text, &sent, now),
        Err(error) => world
            .ledger()
            .refused(format!("a send of the control system: {error}")),
    }
}

fn message(
    world: &World,
    order: &Order,
    reference: Reference,
    text: &str,
) -> Result<NewMessage, Error> {
    let cast = &world.cast;
    let bytes = |place, state| Some(Payload::from(payload(world.seed, reference, place, state)));
    let mut message = NewMessage::builder(cast.id(SCADA).as_str(), cast.name(SCADA), text)
        .priority(order.priority)
        .idempotency_key(format!("day-{:016x}-{reference}", world.seed));
    match &order.to {
        To::Crews(crews) => {
            for who in crews {
                let place = place(*who, ForWhom::Each);
                let mut user = NewMessageUser::new(cast.id(*who).as_str());
                user.on_delivered_payload = bytes(place, State::Delivered);
                user.on_read_payload = bytes(place, State::Read);
                message = message.to(user);
            }
        }
        To::Area(area) => {
            for area in [Some(*area), None] {
                let place = place_of_group(area);
                let mut group = NewMessageGroup::new(group_id(world, area));
                group.on_delivered_payload = bytes(place, State::Delivered);
                group.on_read_payload = bytes(place, State::Read);
                message = message.to_group(group);
            }
        }
    }
    Ok(message.build()?)
}

/// The group of an area, or of the desks. It was made under this name when the day began.
fn group_id(world: &World, area: Option<usize>) -> String {
    let group = match area {
        Some(area) => world.cast.area_group(area),
        None => world.cast.desk_group(),
    };
    group.map(|group| group.to_string()).unwrap_or_default()
}

fn hear(world: &World, events: &[RawEvent], last: &mut Option<u64>) {
    world.heard(SCADA);
    for event in events {
        if last.is_some_and(|last| event.seq() != last + 1) {
            world.ledger().counts.gaps += 1;
        }
        *last = Some(event.seq());
        let event = match event.parse() {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(error) => {
                world.ledger().refused(error.to_string());
                continue;
            }
        };
        match &event.data {
            EventData::MessageReceived(event) => world.received(SCADA, event, false),
            EventData::MessageDelivered(event) => world.told(event, State::Delivered),
            EventData::MessageRead(event) => world.told(event, State::Read),
            EventData::MessageAcknowledged(event) => world.told(event, State::Acknowledged),
            _ => {}
        }
    }
}
