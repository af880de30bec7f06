//! What a subscription tells the broker of its deliveries: acknowledgements and returns, many written in one go.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};

/// A frame that is being written.
pub(super) type Write<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// What is to be written and what is being written.
///
/// The library puts a frame into its queue at the first poll and then waits until it has left. Polled one by one, each
/// would wake the thread that writes; polled together, all wake it once.
pub(super) struct Settlement<E = lapin::Error> {
    queued: Vec<Settle>,
    writes: FuturesUnordered<Write<E>>,
}

/// What is told of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    Ack { tag: u64, multiple: bool },
    Requeue { tag: u64 },
}

impl<E> Default for Settlement<E> {
    fn default() -> Self {
        Self {
            queued: Vec::new(),
            writes: FuturesUnordered::new(),
        }
    }
}

impl<E> Settlement<E> {
    pub(super) fn ack(&mut self, tag: u64, multiple: bool) {
        self.queued.push(Settle::Ack { tag, multiple });
    }

    pub(super) fn requeue(&mut self, tag: u64) {
        self.queued.push(Settle::Requeue { tag });
    }

    /// Writes all that is queued. `Err` with how many were lost: the channel is gone, and the broker hands those
    /// deliveries out again.
    pub(super) fn poll_flush(
        &mut self,
        mut write: impl FnMut(Settle) -> Write<E>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), usize>> {
        let mut lost = 0;
        for settle in self.queued.drain(..) {
            let mut write = write(settle);
            // In their order: an acknowledgement of several must not overtake the return of one of them.
            match write.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => lost += 1,
                Poll::Pending => self.writes.push(write),
            }
        }
        loop {
            match self.writes.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(()))) => {}
                // Unlike the library's `Acker`, which says `Ok(false)`, its channel says an error when it is gone.
                Poll::Ready(Some(Err(_))) => lost += 1,
                Poll::Ready(None) if lost == 0 => return Poll::Ready(Ok(())),
                Poll::Ready(None) => return Poll::Ready(Err(lost)),
                Poll::Pending if lost == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Err(lost + self.writes.len())),
            }
        }
    }
}

impl Settle {
    /// Writes it to `channel`.
    pub(super) fn write(self, channel: Channel) -> Write<lapin::Error> {
        match self {
            Self::Ack { tag, multiple } => {
                Box::pin(async move { channel.basic_ack(tag, BasicAckOptions { multiple }).await })
            }
            Self::Requeue { tag } => Box::pin(async move {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue: true,
                };
                channel.basic_nack(tag, options).await
            }),
        }
    }
}
