//! Lanes: bounded queues between actors.
//!
//! A full lane makes its sender wait (bars, orders and records are never dropped). The receiving
//! end belongs to the session, not to the actor that reads it: when an actor dies, its successor
//! attaches to the same lane, senders never notice, and nothing queued is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;
use tokio::sync::{Mutex, mpsc};

/// The other end of a lane is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the {0} lane is closed")]
pub struct LaneClosed(pub &'static str);

/// Random yields at lane ends, for tests of ordering: a run must not depend on who runs when.
#[derive(Debug, Clone, Default)]
pub struct Chaos(Option<Arc<(u64, AtomicU64)>>);

impl Chaos {
    /// Yields at random, from this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new((seed, AtomicU64::new(0)))))
    }

    async fn maybe_yield(&self) {
        let Some(chaos) = &self.0 else { return };
        let turn = chaos.1.fetch_add(1, Ordering::Relaxed);
        let yields = ChaCha8Rng::seed_from_u64(chaos.0 ^ turn.rotate_left(17)).random_range(0..4);
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
    }
}

/// The sending end.
#[derive(Debug)]
pub struct LaneSender<T> {
    name: &'static str,
    sender: mpsc::Sender<T>,
    chaos: Chaos,
}

impl<T> Clone for LaneSender<T> {
    fn clone(&self) -> Self {
        Self { name: self.name, sender: self.sender.clone(), chaos: self.chaos.clone() }
    }
}

impl<T> LaneSender<T> {
    /// Waits for room, then queues the item.
    ///
    /// # Errors
    /// [`LaneClosed`] when the receiving end is gone.
    pub async fn send(&self, item: T) -> Result<(), LaneClosed> {
        self.chaos.maybe_yield().await;
        self.sender.send(item).await.map_err(|_| LaneClosed(self.name))
    }

    /// Waits for room and keeps it, so that whoever is stopped while waiting still has its item.
    ///
    /// # Errors
    /// [`LaneClosed`] when the receiving end is gone.
    pub async fn reserve(&self) -> Result<mpsc::Permit<'_, T>, LaneClosed> {
        self.chaos.maybe_yield().await;
        self.sender.reserve().await.map_err(|_| LaneClosed(self.name))
    }

    /// Queues the item if there is room at once; otherwise gives it back.
    ///
    /// # Errors
    /// The item, when the lane is full or closed.
    pub fn try_send(&self, item: T) -> Result<(), T> {
        self.sender.try_send(item).map_err(|e| match e {
            mpsc::error::TrySendError::Full(item) | mpsc::error::TrySendError::Closed(item) => item,
        })
    }
}

/// The receiving end; a clone attaches to the same lane. One reader at a time: a second waits
/// until the first is gone.
#[derive(Debug)]
pub struct LaneReceiver<T> {
    receiver: Arc<Mutex<mpsc::Receiver<T>>>,
    chaos: Chaos,
}

impl<T> Clone for LaneReceiver<T> {
    fn clone(&self) -> Self {
        Self { receiver: Arc::clone(&self.receiver), chaos: self.chaos.clone() }
    }
}

impl<T> LaneReceiver<T> {
    /// The next item; `None` when every sender is gone and the lane is empty.
    pub async fn recv(&self) -> Option<T> {
        self.chaos.maybe_yield().await;
        self.receiver.lock().await.recv().await
    }

    /// Appends up to `limit` items that are queued already.
    pub async fn drain_into(&self, items: &mut Vec<T>, limit: usize) {
        let mut receiver = self.receiver.lock().await;
        while items.len() < limit {
            match receiver.try_recv() {
                Ok(item) => items.push(item),
                Err(_) => return,
            }
        }
    }
}

/// A lane that holds at most `capacity` items.
#[must_use]
pub fn lane<T>(name: &'static str, capacity: usize, chaos: &Chaos) -> (LaneSender<T>, LaneReceiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (
        LaneSender { name, sender, chaos: chaos.clone() },
        LaneReceiver { receiver: Arc::new(Mutex::new(receiver)), chaos: chaos.clone() },
    )
}

/// What travels down the pipeline.
#[derive(Debug, Clone)]
pub enum Flow<T> {
    /// Work.
    Item(T),
    /// The end of work: everything before it was sent.
    End,
}
