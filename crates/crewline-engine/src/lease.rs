//! Leases: this node does what is to be done once for as long as it holds the lease of it.
//!
//! One task takes the leases that somebody here wants, and keeps them, all in one transaction a third of their life apart. A
//! lease counts here for its life from before it was asked for, by a clock that goes on while the process does not: a
//! node that was paused finds that it holds nothing before it does anything. What it had begun is refused by the store, which
//! knows the token. A node that is alone takes each once, and for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crewline_core::{Fence, LeaseAsk, StoreErrorKind};
use metrics::counter;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::Engine;
use crate::engine::Inner;
use crate::health::unavailable;

/// For how long a lease holds that nobody else can take.
const FOR_GOOD: Duration = Duration::from_hours(10 * 365 * 24);
/// After the store failed, the next try where there is no life of a lease to go by.
const TRY_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Term {
    token: u64,
    until: Instant,
}

/// The leases that somebody here wants.
pub(crate) struct Leases {
    /// This node.
    pub(crate) node: u64,
    /// For how long one is taken; `None` where nobody else can be at the store.
    pub(crate) life: Option<Duration>,
    wanted: Mutex<BTreeMap<&'static str, watch::Sender<Option<Term>>>>,
    asked: Notify,
}

impl Leases {
    pub(crate) fn new(node: u64, life: Option<Duration>) -> Self {
        Self {
            node,
            life,
            wanted: Mutex::default(),
            asked: Notify::new(),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.keys().copied().collect()
    }

    /// Notes which were taken; `until` when they count.
    fn note(&self, names: &[&'static str], tokens: &[Option<u64>], until: Instant) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, token) in names.iter().zip(tokens) {
            let Some(sender) = wanted.get(name) else {
                continue;
            };
            let term = token.map(|token| Term { token, until });
            let before = sender.send_replace(term).map(|term| term.token);
            match (before, *token) {
                (None, Some(token)) => {
                    counter!("crewline_leases_taken_total", "lease" => *name).increment(1);
                    if self.life.is_some() {
                        info!(lease = name, token, "this node does it from now on");
                    }
                }
                (Some(_), None) => warn!(lease = name, "another node does it from now on"),
                _ => {}
            }
        }
    }

    fn held(&self) -> Vec<Fence> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let held = wanted.iter().filter_map(|(name, sender)| {
            let token = (*sender.borrow())?.token;
            Some(Fence { name, token })
        });
        held.collect()
    }

    fn end_all(&self) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in wanted.values() {
            sender.send_replace(None);
        }
    }
}

/// A lease that somebody here wants.
pub struct Lease {
    name: &'static str,
    terms: watch::Receiver<Option<Term>>,
}

impl Lease {
    /// Waits until this node holds it.
    ///
    /// # Cancellation
    /// Nothing is lost by it.
    pub async fn taken(&mut self) -> Held {
        loop {
            let term = *self.terms.borrow_and_update();
            if let Some(term) = term.filter(|term| Instant::now() < term.until) {
                let fence = Fence {
                    name: self.name,
                    token: term.token,
                };
                let terms = self.terms.clone();
                return Held { fence, terms };
            }
            if self.terms.changed().await.is_err() {
                // The engine is gone, and whoever asks goes with it.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// That this node held a lease.
#[derive(Clone)]
pub struct Held {
    fence: Fence,
    terms: watch::Receiver<Option<Term>>,
}

impl Held {
    /// What is written under it says so.
    pub fn fence(&self) -> Fence {
        self.fence
    }

    fn counts(&self, term: Option<Term>) -> Option<Term> {
        term.filter(|term| term.token == self.fence.token && Instant::now() < term.until)
    }

    /// Whether it still does, as far as can be known here. To be asked before each act that others see.
    pub fn stands(&self) -> bool {
        self.counts(*self.terms.borrow()).is_some()
    }

    /// Returns when it does not any more.
    pub async fn ended(&self) {
        let mut terms = self.terms.clone();
        loop {
            let term = *terms.borrow_and_update();
            let Some(term) = self.counts(term) else {
                return;
            };
            tokio::select! {
                () = sleep_until(term.until) => {}
                changed = terms.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Engine {
    /// Wants a lease, from now on.
    pub fn lease(&self, name: &'static str) -> Lease {
        let leases = &self.inner.leases;
        let mut wanted = leases.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = wanted
            .entry(name)
            .or_insert_with(|| watch::Sender::new(None));
        let terms = sender.subscribe();
        drop(wanted);
        leases.asked.notify_one();
        Lease { name, terms }
    }

    /// The same engine, for whoever holds a lease: acts on the directory are refused by the store once another has it.
    #[must_use]
    pub fn under(&self, held: &Held) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            fence: Some(held.fence),
        }
    }

    /// Takes and keeps what is wanted, for as long as the engine lives.
    pub(crate) fn keep_leases(&self) {
        let (leases, weak) = (Arc::clone(&self.inner.leases), Arc::downgrade(&self.inner));
        self.upkeep(async move {
            loop {
                let names = leases.names();
                let every = leases.life.map(|life| life / 3);
                let kept = names.is_empty() || take(&leases, &weak, names).await;
                let again = if kept {
                    every
                } else {
                    Some(every.unwrap_or(TRY_AGAIN))
                };
                tokio::select! {
                    () = leases.asked.notified() => {}
                    () = async {
                        match again {
                            Some(again) => sleep(again).await,
                            None => std::future::pending().await,
                        }
                    } => {}
                }
            }
        });
    }

    /// Gives up what is held: nobody here does any of it any more.
    pub(crate) async fn end_leases(&self) {
        let held = self.inner.leases.held();
        self.inner.leases.end_all();
        if held.is_empty() || self.inner.leases.life.is_none() {
            return;
        }
        let ended = self.note(move |nodes| nodes.end_leases(&held));
        match ended.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "leases could not be given up; they end by themselves"),
            Err(error) => debug!(%error, "leases could not be given up; they end by themselves"),
        }
    }
}

/// Takes leases or keeps them; says whether the store did so.
async fn take(leases: &Leases, weak: &Weak<Inner>, names: Vec<&'static str>) -> bool {
    let Some(engine) = weak.upgrade().map(Engine::of) else {
        return true;
    };
    let (owner, life, now) = (leases.node, leases.life, engine.now());
    let until = Instant::now() + life.unwrap_or(FOR_GOOD);
    let asked = names.clone();
    let taken = engine.note(move |nodes| {
        let ask = LeaseAsk {
            names: &asked,
            owner,
            now,
            life,
        };
        nodes.take_leases(&ask)
    });
    match taken.await {
        Ok(Ok(tokens)) => {
            leases.note(&names, &tokens, until);
            true
        }
        // What is held ends by itself.
        Ok(Err(error)) => {
            warn!(%error, "leases could not be taken; it is tried again");
            if error.kind == StoreErrorKind::Unavailable {
                // Nobody may have sent anything here, and whoever looks for a node shall find another one. The writer
                // notices when the store is back.
                engine.inner.health.set(Some(unavailable()));
            }
            false
        }
        Err(_) => false,
    }
}
