//! A bus that loses, doubles, delays and so reorders what it carries, and one place on it for each node.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use crewline_api::{BoxFuture, BoxStream};
use crewline_core::{Bus, Heard};
use crewline_testkit::Random;
use futures_util::stream::poll_fn;
use tokio::time::sleep;

/// Texts that wait for one node, at most.
const WAITING_MAX: usize = 64;

#[derive(Default)]
struct Mailbox {
    texts: VecDeque<Heard>,
    waker: Option<Waker>,
}

impl Mailbox {
    fn put(&mut self, heard: Heard) {
        if self.texts.len() < WAITING_MAX {
            self.texts.push_back(heard);
        } else {
            self.texts.clear();
            self.texts.push_back(Heard::Missed);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

struct Line {
    random: Random,
    /// Of a hundred texts so many are lost.
    loses: usize,
    /// One for each place; another one after its node began anew.
    mailboxes: Vec<Arc<Mutex<Mailbox>>>,
}

/// See the module. Clones are handles on the same one.
#[derive(Clone)]
pub(super) struct LossyBus {
    line: Arc<Mutex<Line>>,
    place: usize,
}

impl LossyBus {
    pub(super) fn new(seed: u64, places: usize) -> Self {
        let line = Line {
            random: Random::new(seed),
            loses: 0,
            mailboxes: (0..places).map(|_| Arc::default()).collect(),
        };
        Self {
            line: Arc::new(Mutex::new(line)),
            place: 0,
        }
    }

    /// The bus as the node in this place has it.
    pub(super) fn at(&self, place: usize) -> Self {
        Self {
            line: Arc::clone(&self.line),
            place,
        }
    }

    /// From now on so many of a hundred texts are lost.
    pub(super) fn lose(&self, of_a_hundred: usize) {
        self.line.lock().unwrap().loses = of_a_hundred;
    }

    /// Says something to the node in this place.
    pub(super) fn say(&self, heard: Heard) {
        let mailbox = Arc::clone(&self.line.lock().unwrap().mailboxes[self.place]);
        mailbox.lock().unwrap().put(heard);
    }
}

impl Bus for LossyBus {
    /// So few that most batches take several.
    fn bytes_max(&self) -> usize {
        40
    }

    fn publish(&self, text: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut line = self.line.lock().unwrap();
            let Line {
                random,
                loses,
                mailboxes,
            } = &mut *line;
            for mailbox in mailboxes {
                if random.below(100) < *loses {
                    continue;
                }
                let copies = if random.one_in(8) { 2 } else { 1 };
                for _ in 0..copies {
                    let late = if random.one_in(10) { 900 } else { 4 };
                    let delay = Duration::from_millis(random.below(late) as u64);
                    let (mailbox, text) = (Arc::clone(mailbox), text.clone());
                    tokio::spawn(async move {
                        sleep(delay).await;
                        mailbox.lock().unwrap().put(Heard::Text(text));
                    });
                }
            }
        })
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        let mailbox = Arc::<Mutex<Mailbox>>::default();
        self.line.lock().unwrap().mailboxes[self.place] = Arc::clone(&mailbox);
        Box::pin(poll_fn(move |context| {
            let mut mailbox = mailbox.lock().unwrap();
            if let Some(heard) = mailbox.texts.pop_front() {
                return Poll::Ready(Some(heard));
            }
            mailbox.waker = Some(context.waker().clone());
            Poll::Pending
        }))
    }
}
