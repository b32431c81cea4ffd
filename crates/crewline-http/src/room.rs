//! Room in memory for what is large: bodies and frames that come in, and answers that go out.
//!
//! What is small needs none: there is as much of it as there are connections. What is larger waits until there is room, so
//! that nobody can fill the memory with much that was begun and is never ended.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crewline_api::{ApiError, ErrorCode};
use crewline_core::SecretHash;
use crewline_engine::PageRoom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tokio_util::sync::PollSemaphore;

/// What is asked for before a list or a page is made; what it does not need is given back then.
pub(crate) const LIST_BYTES: usize = 1024 * 1024;
/// What is not larger needs no room.
pub(crate) const SMALL: usize = 16 * 1024;
/// For what comes in, all together.
const IN_BYTES: usize = 64 * 1024 * 1024;
/// For what goes out, all together.
const OUT_BYTES: usize = 64 * 1024 * 1024;
/// For what goes out to whoever has one credential: who takes nothing of it keeps others from nothing.
const SHARE_BYTES: usize = OUT_BYTES / 4;
/// Shares that are remembered before those that nobody holds anything of are forgotten.
const SHARES: usize = 1_024;
/// For pages of logs that sessions and streams have read and not passed on, all together; in memory it is twice as much.
const PAGES_BYTES: usize = 32 * 1024 * 1024;
/// Room is given in pieces of this size.
const PIECE: usize = 64 * 1024;
/// How long a request waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(10);
/// How long what comes in may hold room before all of it is there.
pub(crate) const WHOLE_WAIT: Duration = Duration::from_mins(1);

/// See the module.
pub(crate) struct Room {
    incoming: Arc<Semaphore>,
    outgoing: Arc<Semaphore>,
    /// What each credential may hold of it.
    shares: Mutex<HashMap<Option<SecretHash>, Weak<Semaphore>>>,
    pages: PageRoom,
}

/// What somebody holds of it; given back when dropped.
pub(crate) type Held = OwnedSemaphorePermit;

/// What an answer holds: of all the room, and of the share of its credential.
#[derive(Debug)]
pub(crate) struct HeldAnswer([Held; 2]);

impl Room {
    pub(crate) fn new() -> Self {
        let pieces = |bytes| Arc::new(Semaphore::new(bytes / PIECE));
        Self {
            incoming: pieces(IN_BYTES),
            outgoing: pieces(OUT_BYTES),
            shares: Mutex::default(),
            pages: PageRoom::new(PAGES_BYTES),
        }
    }

    /// How much room there is for answers, in pieces.
    #[cfg(test)]
    pub(crate) fn free_for_answers(&self) -> usize {
        self.outgoing.available_permits()
    }

    /// For pages of logs.
    pub(crate) fn of_pages(&self) -> &PageRoom {
        &self.pages
    }

    /// For a body that comes in.
    pub(crate) fn of_body(&self) -> Coming {
        Coming {
            room: Arc::clone(&self.incoming),
            held: None,
            until: None,
        }
    }

    /// For the frames of a socket.
    pub(crate) fn of_frames(&self) -> Frames {
        Frames {
            room: PollSemaphore::new(Arc::clone(&self.incoming)),
            held: None,
            bytes: 0,
            late: None,
        }
    }

    /// For a part of an answer that was made, to who has this credential; `None` where there is no room for it now.
    pub(crate) fn of_piece(&self, whose: SecretHash, bytes: usize) -> Option<HeldAnswer> {
        let take = |room: Arc<Semaphore>| room.try_acquire_many_owned(pieces(bytes)).ok();
        let share = take(self.share(Some(whose)))?;
        Some(HeldAnswer([share, take(Arc::clone(&self.outgoing))?]))
    }

    /// For an answer of about so many bytes at most, before it is made; `None` is whoever has no credential.
    pub(crate) async fn of_answer(
        &self,
        whose: Option<SecretHash>,
        bytes: usize,
    ) -> Result<HeldAnswer, ApiError> {
        let until = Instant::now() + ROOM_WAIT;
        // Who waits for the own share holds nothing of what others wait for.
        let share = take(&self.share(whose), pieces(bytes), until).await?;
        let all = take(&self.outgoing, pieces(bytes), until).await?;
        Ok(HeldAnswer([share, all]))
    }

    /// It is there as long as somebody holds of it, or waits.
    fn share(&self, whose: Option<SecretHash>) -> Arc<Semaphore> {
        // Nothing under this lock panics half-way through a change.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&whose).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= SHARES {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(SHARE_BYTES / PIECE));
        shares.insert(whose, Arc::downgrade(&share));
        share
    }
}

/// How many pieces so many bytes need.
fn pieces(bytes: usize) -> u32 {
    bytes.saturating_sub(SMALL).div_ceil(PIECE) as u32
}

async fn take(room: &Arc<Semaphore>, count: u32, until: Instant) -> Result<Held, ApiError> {
    let taken = timeout_at(until, Arc::clone(room).acquire_many_owned(count)).await;
    let Ok(Ok(held)) = taken else {
        let detail = "There is no room for more that is large: other requests and answers of more than 16 KiB are under way. \
                      Try again in a moment.";
        return Err(ApiError::new(ErrorCode::Busy, detail).retry_after(2));
    };
    Ok(held)
}

/// Gives back what an answer does not need, once it is known how large it is.
pub(crate) fn shrink(mut held: HeldAnswer, bytes: usize) -> Option<HeldAnswer> {
    let needed = pieces(bytes) as usize;
    if needed == 0 {
        return None;
    }
    for held in &mut held.0 {
        drop(held.split(held.num_permits().saturating_sub(needed)));
    }
    Some(held)
}

/// The room of a body that is coming in: it grows with what has come.
pub(crate) struct Coming {
    room: Arc<Semaphore>,
    held: Option<Held>,
    until: Option<Instant>,
}

impl Coming {
    /// Waits until there is room for so many bytes in all.
    ///
    /// # Errors
    /// Where there is none in time.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let had = self.held.as_ref().map_or(0, Held::num_permits) as u32;
        let more = pieces(bytes).saturating_sub(had);
        if more == 0 {
            return Ok(());
        }
        let more = take(&self.room, more, Instant::now() + ROOM_WAIT).await?;
        if let Some(held) = &mut self.held {
            held.merge(more);
        } else {
            self.held = Some(more);
            self.until = Some(Instant::now() + WHOLE_WAIT);
        }
        Ok(())
    }

    /// By when all of it must be there, where it holds room.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// What it holds at the end.
    pub(crate) fn into_held(self) -> Option<Held> {
        self.held
    }
}

/// The room of the frames of a socket, of which one comes in at a time.
pub(crate) struct Frames {
    room: PollSemaphore,
    held: Option<Held>,
    /// Since the last whole frame.
    bytes: usize,
    late: Option<Pin<Box<Sleep>>>,
}

impl Frames {
    /// Whether more may be read.
    ///
    /// # Errors
    /// The frame holds room, and should have been there by now.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Late>> {
        if let Some(late) = &mut self.late
            && late.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(Late));
        }
        while self.held.as_ref().map_or(0, Held::num_permits) < pieces(self.bytes) as usize {
            let Some(more) = ready!(self.room.poll_acquire(context)) else {
                return Poll::Ready(Err(Late));
            };
            if let Some(held) = &mut self.held {
                held.merge(more);
                continue;
            }
            self.held = Some(more);
            let mut late = Box::pin(sleep(WHOLE_WAIT));
            // Asked once, so that it wakes.
            if late.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Late));
            }
            self.late = Some(late);
        }
        Poll::Ready(Ok(()))
    }

    /// So many bytes came.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A frame between those of a message was taken.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// A whole message was taken.
    pub(crate) fn taken(&mut self) {
        self.bytes = 0;
        self.held = None;
        self.late = None;
    }
}

/// A large frame did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_sends_little_needs_no_room_and_who_sends_much_waits_for_it_and_is_refused() {
        let room = Room::new();
        let mut all = Vec::new();
        for _ in 0..IN_BYTES / PIECE {
            let mut body = room.of_body();
            body.grow(SMALL + PIECE).await.unwrap();
            all.push(body);
        }
        room.of_body().grow(SMALL).await.unwrap();
        let refused = room.of_body().grow(SMALL + 1).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Busy);
        all.pop();
        room.of_body().grow(SMALL + 1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_holds_room_and_does_not_end_is_late() {
        let room = Room::new();
        let mut frames = room.of_frames();
        frames.read(SMALL + 1);
        std::future::poll_fn(|context| frames.poll_room(context))
            .await
            .unwrap();
        tokio::time::advance(WHOLE_WAIT + Duration::from_secs(1)).await;
        let late = std::future::poll_fn(|context| frames.poll_room(context)).await;
        assert_eq!(late, Err(Late));
        frames.taken();
        assert_eq!(room.incoming.available_permits(), IN_BYTES / PIECE);
    }

    #[tokio::test]
    async fn an_answer_keeps_the_room_that_it_needs() {
        let room = Room::new();
        let held = room.of_answer(None, 1024 * 1024).await.unwrap();
        let held = shrink(held, SMALL + 1).unwrap();
        assert_eq!(room.outgoing.available_permits(), OUT_BYTES / PIECE - 1);
        assert!(shrink(held, SMALL).is_none());
        assert_eq!(room.outgoing.available_permits(), OUT_BYTES / PIECE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answer_keeps_a_quarter_of_the_room_from_others_and_no_more() {
        let room = Room::new();
        let whose = |who: &str| Some(SecretHash::of(who));
        let mut held = Vec::new();
        for _ in 0..SHARE_BYTES / PIECE {
            held.push(room.of_answer(whose("alice"), SMALL + 1).await.unwrap());
        }
        let refused = room.of_answer(whose("alice"), SMALL + 1).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Busy);
        assert!(room.of_piece(SecretHash::of("alice"), SMALL + 1).is_none());
        assert!(room.of_piece(SecretHash::of("bob"), SMALL + 1).is_some());
        room.of_answer(whose("bob"), LIST_BYTES).await.unwrap();
        room.of_answer(None, LIST_BYTES).await.unwrap();
        held.pop();
        room.of_answer(whose("alice"), SMALL + 1).await.unwrap();
    }

    #[tokio::test]
    async fn shares_that_nobody_holds_anything_of_are_forgotten() {
        let room = Room::new();
        let held = room.of_answer(None, LIST_BYTES).await.unwrap();
        for who in 0..3 * SHARES {
            let whose = Some(SecretHash::of(&who.to_string()));
            room.of_answer(whose, LIST_BYTES).await.unwrap();
        }
        assert!(room.shares.lock().unwrap().len() <= SHARES);
        assert!(room.shares.lock().unwrap().contains_key(&None));
        drop(held);
    }
}
