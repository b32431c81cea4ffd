//! A bus within one process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use crewline_api::{BoxFuture, BoxStream};
use crewline_core::{Bus, Heard};
use futures_util::stream::poll_fn;

/// Most texts that wait for one node.
const WAITING_MAX: usize = 4_096;

#[derive(Default)]
struct Waiting {
    texts: VecDeque<Heard>,
    waker: Option<Waker>,
}

type Mailbox = Arc<Mutex<Waiting>>;

fn lock(mailbox: &Mailbox) -> MutexGuard<'_, Waiting> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries each text to everybody at once, unless it is told to lose all. Clones are handles on the same one.
#[derive(Clone, Default)]
pub struct LocalBus {
    mailboxes: Arc<Mutex<Vec<Weak<Mutex<Waiting>>>>>,
    loses: Arc<AtomicBool>,
}

impl LocalBus {
    /// Whether everything that is published from now on is lost.
    pub fn lose(&self, loses: bool) {
        self.loses.store(loses, Ordering::SeqCst);
    }

    /// Gives everybody something to hear.
    pub fn say(&self, heard: &Heard) {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        mailboxes.retain(|mailbox| {
            let Some(mailbox) = mailbox.upgrade() else {
                return false;
            };
            let mut waiting = lock(&mailbox);
            if waiting.texts.len() < WAITING_MAX {
                waiting.texts.push_back(heard.clone());
            } else {
                waiting.texts.clear();
                waiting.texts.push_back(Heard::Missed);
            }
            if let Some(waker) = waiting.waker.take() {
                waker.wake();
            }
            true
        });
    }
}

impl Bus for LocalBus {
    fn bytes_max(&self) -> usize {
        7_000
    }

    fn publish(&self, text: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if !self.loses.load(Ordering::SeqCst) {
                self.say(&Heard::Text(text));
            }
        })
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        let mailbox = Mailbox::default();
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&mailbox));
        Box::pin(poll_fn(move |context| {
            let mut waiting = lock(&mailbox);
            if let Some(heard) = waiting.texts.pop_front() {
                return Poll::Ready(Some(heard));
            }
            waiting.waker = Some(context.waker().clone());
            Poll::Pending
        }))
    }
}
