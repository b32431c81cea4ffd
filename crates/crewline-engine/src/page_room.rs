//! Room in memory for pages that were read and are not passed on yet.

use std::sync::Arc;

use crewline_api::ApiError;
use crewline_core::PAGE_BYTES_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::page::Page;

/// Room is given in pieces of this size; a page that is smaller needs none.
const PIECE: usize = 16 * 1024;

/// Room for the pages of many who follow logs: who reads the next one waits until there is room for a large one, in the order
/// in which they came, and gives back at once what the page does not need.
#[derive(Debug, Clone)]
pub struct PageRoom(Arc<Semaphore>);

/// What a page holds of its room; given back when the last copy of it is dropped.
#[derive(Debug, Clone)]
pub struct HeldPage(
    #[expect(dead_code, reason = "it is held, not looked at")] Arc<OwnedSemaphorePermit>,
);

impl PageRoom {
    /// Room for so many bytes of events, all pages together. Events are held as they are and as JSON: in memory it is about
    /// twice as much.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.max(PAGE_BYTES_MAX) / PIECE)))
    }

    /// Reads a page once there is room for it.
    ///
    /// # Errors
    /// Those of the reading.
    ///
    /// # Cancellation
    /// The place among those who wait is lost.
    pub async fn read(
        &self,
        reading: impl Future<Output = Result<Page, ApiError>>,
    ) -> Result<Page, ApiError> {
        let large = (PAGE_BYTES_MAX / PIECE) as u32;
        // Nobody closes it.
        let held = Arc::clone(&self.0).acquire_many_owned(large).await.ok();
        let mut page = reading.await?;
        page.held = held.and_then(|held| shrink(held, page.bytes()));
        Ok(page)
    }
}

/// Gives back what a page does not need.
fn shrink(mut held: OwnedSemaphorePermit, bytes: usize) -> Option<HeldPage> {
    let needed = (bytes / PIECE).min(held.num_permits());
    drop(held.split(held.num_permits() - needed));
    (needed > 0).then(|| HeldPage(Arc::new(held)))
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::page::tests::page_of;

    fn look<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_reads_a_page_waits_for_those_that_are_held_and_small_ones_hold_nothing() {
        let room = PageRoom::new(2 * PAGE_BYTES_MAX);
        let read = |bytes| look(room.read(ready(Ok(page_of(bytes))))).map(Result::unwrap);
        let small: Vec<_> = (0..1_000).filter_map(|_| read(PIECE / 2)).collect();
        assert_eq!(small.len(), 1_000);
        let first = read(PAGE_BYTES_MAX).unwrap();
        let second = read(2 * PAGE_BYTES_MAX).unwrap();
        assert!(read(1).is_none(), "there is no room for a page");
        let again = second.clone();
        drop(second);
        assert!(read(1).is_none(), "a copy is held");
        drop(again);
        let third = read(PAGE_BYTES_MAX / 2).unwrap();
        assert!(read(1).is_none(), "there is room for half a page");
        drop((first, third));
        assert!(read(1).is_some());
    }

    #[test]
    fn a_page_that_could_not_be_read_holds_nothing() {
        let room = PageRoom::new(PAGE_BYTES_MAX);
        for _ in 0..10 {
            let failed = look(room.read(ready(Err(crate::engine::stopped()))));
            assert!(failed.is_some_and(|failed| failed.is_err()));
        }
    }
}
