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
pub(super) struct AckWriter<E = lapin::Error> {
    queued: Vec<AckFrame>,
    writes: FuturesUnordered<Write<E>>,
}

/// What is told of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckFrame {
    Ack { tag: u64, multiple: bool },
    Requeue { tag: u64 },
}

impl<E> Default for AckWriter<E> {
    fn default() -> Self {
        Self {
            queued: Vec::new(),
            writes: FuturesUnordered::new(),
        }
    }
}

impl<E> AckWriter<E> {
    pub(super) fn ack(&mut self, tag: u64, multiple: bool) {
        self.queued.push(AckFrame::Ack { tag, multiple });
    }

    pub(super) fn requeue(&mut self, tag: u64) {
        self.queued.push(AckFrame::Requeue { tag });
    }

    /// Writes all that is queued. `Err` with how many were lost: the channel is gone, and the broker hands those
    /// deliveries out again.
    pub(super) fn poll_flush(
        &mut self,
        mut write: impl FnMut(AckFrame) -> Write<E>,
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

impl AckFrame {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;

    /// What becomes of a frame that is written.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fate {
        /// It leaves at once.
        Leaves,
        /// It leaves later.
        Waits,
        /// The channel is gone.
        Fails,
        /// The channel goes while it waits.
        WaitsAndFails,
    }

    const FATES: [Fate; 4] = [Fate::Leaves, Fate::Waits, Fate::Fails, Fate::WaitsAndFails];

    fn ack(tag: u64, multiple: bool) -> AckFrame {
        AckFrame::Ack { tag, multiple }
    }

    fn write(settle: AckFrame, fate: Fate, written: &Arc<Mutex<Vec<AckFrame>>>) -> Write<()> {
        let (written, mut polls) = (Arc::clone(written), 0);
        Box::pin(poll_fn(move |cx| {
            if polls == 0 {
                written.lock().unwrap().push(settle);
            }
            polls += 1;
            match fate {
                Fate::Leaves => Poll::Ready(Ok(())),
                Fate::Fails => Poll::Ready(Err(())),
                Fate::Waits if polls > 2 => Poll::Ready(Ok(())),
                Fate::WaitsAndFails if polls > 2 => Poll::Ready(Err(())),
                Fate::Waits | Fate::WaitsAndFails => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }))
    }

    /// Flushes, and gives what was written in its order, and how much was lost.
    fn flush(settles: &[AckFrame], fates: &[Fate]) -> (Vec<AckFrame>, Result<(), usize>) {
        let mut settlement = AckWriter::<()>::default();
        for settle in settles {
            match *settle {
                AckFrame::Ack { tag, multiple } => settlement.ack(tag, multiple),
                AckFrame::Requeue { tag } => settlement.requeue(tag),
            }
        }
        let (mut fates, written) = (fates.iter(), Arc::default());
        let flushed = loop {
            let write = |settle| write(settle, *fates.next().expect("a fate each"), &written);
            // What waits wakes itself, and the set rests after some of that.
            if let Poll::Ready(flushed) =
                settlement.poll_flush(write, &mut Context::from_waker(Waker::noop()))
            {
                break flushed;
            }
        };
        let written = written.lock().unwrap().clone();
        (written, flushed)
    }

    #[test]
    fn whatever_becomes_of_the_writes_they_begin_in_their_order_and_what_is_lost_is_told() {
        let settles = [
            AckFrame::Requeue { tag: 2 },
            ack(3, true),
            ack(5, false),
            AckFrame::Requeue { tag: 4 },
        ];
        for way in 0..FATES.len().pow(4) {
            let fates: Vec<Fate> = (0..4)
                .map(|at| FATES[way / FATES.len().pow(at) % FATES.len()])
                .collect();
            let (written, flushed) = flush(&settles, &fates);
            assert_eq!(written, settles, "{fates:?}");
            let fails = |fate: &&Fate| matches!(fate, Fate::Fails | Fate::WaitsAndFails);
            let lost = fates.iter().filter(fails).count();
            match flushed {
                Ok(()) => assert_eq!(lost, 0, "{fates:?}"),
                // What still waits on a channel that is gone is lost as well.
                Err(told) => assert!(lost > 0 && told >= lost && told <= 4, "{told} of {fates:?}"),
            }
        }
    }
}
