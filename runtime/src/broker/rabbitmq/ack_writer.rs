//! Writes the acks and requeues of a subscription in batches.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};

pub(super) type FrameWrite<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// lapin queues a frame at the first poll of its future, and then waits until the frame is written. Frames awaited one
/// by one would each wake lapin's I/O thread; frames polled together wake it once.
pub(super) struct AckWriter<E = lapin::Error> {
    queued: Vec<AckFrame>,
    writes: FuturesUnordered<FrameWrite<E>>,
}

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

    /// The number of frames that the next flush writes.
    pub(super) fn queued(&self) -> usize {
        self.queued.len()
    }

    /// Writes the queued frames. `Err` contains the number of lost frames: the channel is closed, and the broker
    /// delivers those messages again.
    pub(super) fn poll_flush(
        &mut self,
        mut write: impl FnMut(AckFrame) -> FrameWrite<E>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), usize>> {
        let mut lost = 0;
        for frame in self.queued.drain(..) {
            let mut write = write(frame);
            // The first polls are in order, because an ack with `multiple` must not overtake an earlier requeue.
            match write.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => lost += 1,
                Poll::Pending => self.writes.push(write),
            }
        }
        loop {
            match self.writes.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(()))) => {}
                // lapin's `Acker` returns `Ok(false)` when the channel is closed; its channel returns an error.
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
    pub(super) fn write(self, channel: Channel) -> FrameWrite<lapin::Error> {
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

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum WriteOutcome {
        Written,
        WrittenLater,
        Failed,
        FailedLater,
    }

    const OUTCOMES: [WriteOutcome; 4] = [
        WriteOutcome::Written,
        WriteOutcome::WrittenLater,
        WriteOutcome::Failed,
        WriteOutcome::FailedLater,
    ];

    fn ack(tag: u64, multiple: bool) -> AckFrame {
        AckFrame::Ack { tag, multiple }
    }

    fn write(frame: AckFrame, outcome: WriteOutcome, written: &Arc<Mutex<Vec<AckFrame>>>) -> FrameWrite<()> {
        let (written, mut polls) = (Arc::clone(written), 0);
        Box::pin(poll_fn(move |cx| {
            if polls == 0 {
                written.lock().unwrap().push(frame);
            }
            polls += 1;
            match outcome {
                WriteOutcome::Written => Poll::Ready(Ok(())),
                WriteOutcome::Failed => Poll::Ready(Err(())),
                WriteOutcome::WrittenLater if polls > 2 => Poll::Ready(Ok(())),
                WriteOutcome::FailedLater if polls > 2 => Poll::Ready(Err(())),
                WriteOutcome::WrittenLater | WriteOutcome::FailedLater => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }))
    }

    /// Flushes the frames, and returns them in the order of their writes with the result of the flush.
    fn flush(frames: &[AckFrame], outcomes: &[WriteOutcome]) -> (Vec<AckFrame>, Result<(), usize>) {
        let mut writer = AckWriter::<()>::default();
        for frame in frames {
            match *frame {
                AckFrame::Ack { tag, multiple } => writer.ack(tag, multiple),
                AckFrame::Requeue { tag } => writer.requeue(tag),
            }
        }
        let (mut outcomes, written) = (outcomes.iter(), Arc::default());
        let flushed = loop {
            let write = |frame| write(frame, *outcomes.next().expect("one outcome per frame"), &written);
            // A pending write wakes itself. `FuturesUnordered` yields after some wake-ups, so poll it again.
            if let Poll::Ready(flushed) = writer.poll_flush(write, &mut Context::from_waker(Waker::noop())) {
                break flushed;
            }
        };
        let written = written.lock().unwrap().clone();
        (written, flushed)
    }

    #[test]
    fn writes_start_in_order_and_lost_frames_are_counted_for_every_outcome() {
        let frames = [
            AckFrame::Requeue { tag: 2 },
            ack(3, true),
            ack(5, false),
            AckFrame::Requeue { tag: 4 },
        ];
        for combination in 0..OUTCOMES.len().pow(4) {
            let outcomes: Vec<WriteOutcome> = (0..4)
                .map(|at| OUTCOMES[combination / OUTCOMES.len().pow(at) % OUTCOMES.len()])
                .collect();
            let (written, flushed) = flush(&frames, &outcomes);
            assert_eq!(written, frames, "{outcomes:?}");
            let fails =
                |outcome: &&WriteOutcome| matches!(outcome, WriteOutcome::Failed | WriteOutcome::FailedLater);
            let lost = outcomes.iter().filter(fails).count();
            match flushed {
                Ok(()) => assert_eq!(lost, 0, "{outcomes:?}"),
                // Frames that still wait on a closed channel are lost too.
                Err(counted) => assert!(
                    lost > 0 && counted >= lost && counted <= 4,
                    "{counted} of {outcomes:?}"
                ),
            }
        }
    }
}
