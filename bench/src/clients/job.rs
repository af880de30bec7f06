//! The work that a run does, and the queues that it needs.

use super::lapin_wire::QUEUE;
use crate::event::SMALL_NOTE;

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) url: String,
    pub(crate) events: u64,
}

macro_rules! jobs {
    ($($(#[$doc:meta])* $job:ident $name:literal,)+) => {
        /// The name is the job's argument on the command line of a worker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Job {
            $($(#[$doc])* $job,)+
        }

        impl Job {
            pub(crate) const ALL: &[Self] = &[$(Self::$job),+];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$job => $name,)+
                }
            }
        }
    };
}

jobs! {
    /// One task publishes, and awaits each confirm before the next publish.
    PublishOne "publish-one",
    /// 256 tasks publish, each as in `PublishOne`.
    PublishMany "publish-256",
    /// 1,024 tasks, which have as many publishes in flight as lapin-best.
    Publish1024 "publish-1024",
    /// 256 tasks hand their events to one task that owns the channel.
    PublishByOwner "publish-by-owner",
    /// 256 tasks publish on one confirm channel, and a task may get the confirm of another.
    PublishByTasks "publish-by-tasks",
    /// The same with a lock that gives each task its own confirm.
    PublishLocked "publish-locked",
    PublishAll "publish-all",
    /// One task publishes batches of 10,000, and awaits the last confirm of a batch before the next batch.
    PublishInCalls "publish-in-calls",
    /// 256 tasks publish events of 64 kB.
    PublishBig "publish-64kb",
    /// An empty handler takes everything that waits in a queue.
    Consume "consume",
    /// The same with events of 64 kB.
    ConsumeBig "consume-64kb",
    /// A handler that sleeps for 5 ms, with 16 attempts at a time.
    Slow16 "5ms-16",
    /// The same with the default of 64.
    Slow "5ms",
    Slow256 "5ms-256",
    Slow1024 "5ms-1024",
    /// 2,000 events a second are published to a handler that sleeps for 5 ms.
    Offered "5ms-offered",
    /// A handler that calculates for about 100 µs.
    Busy "busy",
    /// The handler of the first event returns after all others.
    Stuck "stuck",
    /// An ordered handler; all events have one aggregate.
    Ordered1 "ordered-1",
    Ordered100 "ordered-100",
    Ordered100000 "ordered-100000",
    /// A handler of a family of 50 events.
    Family "family",
    /// 1,000 events a second, measured from the publish to the handler.
    EndToEnd "end-to-end",
    /// The same at the highest rate.
    EndToEndFull "end-to-end-full",
    /// Three services, each of which publishes the event that the next one handles.
    Chain "chain",
    /// The in-memory broker on one core, from the publish to the handler.
    Memory "memory",
    /// The same, published by 64 tasks.
    MemoryMany "memory-64",
    Reconnect "reconnect",
    /// An app with 500 handlers starts.
    Start "start",
    /// From the publish to the handler; the resident memory is sampled.
    MemoryGrowth "memory-growth",
}

/// The events that are put into a queue before a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueContents {
    /// The length of each event's note, which decides the size of the body.
    pub(crate) note: usize,
    /// The number of aggregates that the events are spread over.
    pub(crate) aggregates: u64,
    /// The number of event types. With one, the type is `order.created`.
    pub(crate) types: u64,
}

impl Job {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|job| job.name() == name)
    }

    pub(crate) fn is_on_one_core(self) -> bool {
        matches!(self, Self::Memory | Self::MemoryMany)
    }

    pub(crate) fn note(self) -> usize {
        match self {
            Self::PublishBig | Self::ConsumeBig => 64 * 1024,
            _ => SMALL_NOTE,
        }
    }

    /// The events in the first of the job's queues when a run starts.
    pub(crate) fn contents(self) -> Option<QueueContents> {
        let (aggregates, types) = match self {
            Self::Ordered1 => (1, 1),
            Self::Ordered100 => (100, 1),
            Self::Ordered100000 => (100_000, 1),
            Self::Family => (u64::MAX, 50),
            Self::Consume
            | Self::ConsumeBig
            | Self::Slow16
            | Self::Slow
            | Self::Slow256
            | Self::Slow1024
            | Self::Busy
            | Self::Stuck
            | Self::Chain => (u64::MAX, 1),
            _ => return None,
        };
        Some(QueueContents {
            note: self.note(),
            aggregates,
            types,
        })
    }

    /// The queues that a run needs, each with its pattern.
    pub(crate) fn queues(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Memory | Self::MemoryMany | Self::Start => &[],
            Self::Family => &[(QUEUE, "family.*")],
            Self::Chain => &[
                ("payments.settle", "order.created"),
                ("inventory.reserve", "payment.settled"),
                ("customer.tell", "stock.reserved"),
            ],
            _ => &[(QUEUE, "order.created")],
        }
    }
}
