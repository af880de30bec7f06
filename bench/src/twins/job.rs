//! What is to be done.

use crate::event::SMALL;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// One task publishes and waits for each confirm.
    PublishOne,
    /// 256 tasks do.
    PublishMany,
    /// 1,024 tasks do, which is as many under way as lapin at its best has.
    Publish1024,
    /// 256 tasks do, of those that are at their best in one.
    PublishFromTasks,
    /// From 256 tasks that hand over to the one which owns the channel.
    PublishByOwner,
    /// One task publishes ten thousand at a time.
    PublishAll,
    /// One task makes ten thousand, publishes them and waits for the last of them before the next.
    PublishInCalls,
    /// One task publishes a thousand at a time, and waits for the last of them before the next.
    PublishThousands,
    /// Events of 64 kB from 256 tasks.
    PublishBig,
    /// A handler that does nothing takes what waits in a queue.
    Consume,
    /// The same, of 64 kB.
    ConsumeBig,
    /// A handler that waits for 5 ms does, so many side by side.
    Slow16,
    /// As many as by default.
    Slow,
    Slow256,
    Slow1024,
    /// A handler that waits for 5 ms is given 2,000 events a second.
    Offered,
    /// A handler that calculates for some 100 µs.
    Busy,
    /// The first event's handler ends after all others.
    Stuck,
    /// In the order of so many aggregates.
    Ordered1,
    Ordered100,
    Ordered100000,
    /// Events of 50 types that are one Rust type.
    Family,
    /// 1,000 events a second, from the publish to the handler.
    EndToEnd,
    /// As many as there can be.
    EndToEndFull,
    /// Three services, each of which publishes what the next takes.
    Chain,
    /// As many as there can be, from the publish to the handler, in memory and on one core.
    Memory,
    /// The same, published by 64 tasks, which run ahead of the handler.
    MemoryMany,
    /// The same beside handlers with so many patterns that do not match.
    Dispatch100,
    Dispatch1000,
    Dispatch10000,
    /// The connection is cut again and again.
    Reconnect,
    /// 500 handlers start.
    Start,
    /// End to end, with an eye on the memory.
    Flat,
}

/// What is put into the queue before a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    /// How long the note is, which makes the body small or big.
    pub(crate) note: usize,
    /// Over how many aggregates they are spread.
    pub(crate) aggregates: u64,
    /// Of how many types they are; of one it is `order.created`.
    pub(crate) types: u64,
}

impl Job {
    pub(crate) const ALL: [Self; 33] = [
        Self::PublishOne,
        Self::PublishMany,
        Self::Publish1024,
        Self::PublishFromTasks,
        Self::PublishByOwner,
        Self::PublishAll,
        Self::PublishInCalls,
        Self::PublishThousands,
        Self::PublishBig,
        Self::Consume,
        Self::ConsumeBig,
        Self::Slow16,
        Self::Slow,
        Self::Slow256,
        Self::Slow1024,
        Self::Offered,
        Self::Busy,
        Self::Stuck,
        Self::Ordered1,
        Self::Ordered100,
        Self::Ordered100000,
        Self::Family,
        Self::EndToEnd,
        Self::EndToEndFull,
        Self::Chain,
        Self::Memory,
        Self::MemoryMany,
        Self::Dispatch100,
        Self::Dispatch1000,
        Self::Dispatch10000,
        Self::Reconnect,
        Self::Start,
        Self::Flat,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PublishOne => "publish-one",
            Self::PublishMany => "publish-256",
            Self::Publish1024 => "publish-1024",
            Self::PublishFromTasks => "publish-from-tasks",
            Self::PublishByOwner => "publish-by-owner",
            Self::PublishAll => "publish-all",
            Self::PublishInCalls => "publish-in-calls",
            Self::PublishThousands => "publish-thousands",
            Self::PublishBig => "publish-64kb",
            Self::Consume => "consume",
            Self::ConsumeBig => "consume-64kb",
            Self::Slow16 => "5ms-16",
            Self::Slow => "5ms",
            Self::Slow256 => "5ms-256",
            Self::Slow1024 => "5ms-1024",
            Self::Offered => "5ms-offered",
            Self::Busy => "busy",
            Self::Stuck => "stuck",
            Self::Ordered1 => "ordered-1",
            Self::Ordered100 => "ordered-100",
            Self::Ordered100000 => "ordered-100000",
            Self::Family => "family",
            Self::EndToEnd => "end-to-end",
            Self::EndToEndFull => "end-to-end-full",
            Self::Chain => "chain",
            Self::Memory => "memory",
            Self::MemoryMany => "memory-64",
            Self::Dispatch100 => "dispatch-100",
            Self::Dispatch1000 => "dispatch-1000",
            Self::Dispatch10000 => "dispatch-10000",
            Self::Reconnect => "reconnect",
            Self::Start => "start",
            Self::Flat => "flat",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    pub(crate) fn is_on_one_core(self) -> bool {
        matches!(
            self,
            Self::Memory | Self::MemoryMany | Self::Dispatch100 | Self::Dispatch1000 | Self::Dispatch10000
        )
    }

    /// The note's length.
    pub(crate) fn note(self) -> usize {
        match self {
            Self::PublishBig | Self::ConsumeBig => 64 * 1024,
            _ => SMALL,
        }
    }

    /// What a run is to find in the first of its queues.
    pub(crate) fn fill(self) -> Option<Fill> {
        let small = Fill {
            note: self.note(),
            aggregates: u64::MAX,
            types: 1,
        };
        match self {
            Self::Consume
            | Self::ConsumeBig
            | Self::Slow16
            | Self::Slow
            | Self::Slow256
            | Self::Slow1024
            | Self::Busy
            | Self::Stuck
            | Self::Chain => Some(small),
            Self::Ordered1 => Some(Fill {
                aggregates: 1,
                ..small
            }),
            Self::Ordered100 => Some(Fill {
                aggregates: 100,
                ..small
            }),
            Self::Ordered100000 => Some(Fill {
                aggregates: 100_000,
                ..small
            }),
            Self::Family => Some(Fill { types: 50, ..small }),
            _ => None,
        }
    }

    /// The queues that a run needs, each with its pattern.
    pub(crate) fn queues(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Memory
            | Self::MemoryMany
            | Self::Dispatch100
            | Self::Dispatch1000
            | Self::Dispatch10000
            | Self::Start => &[],
            Self::Family => &[(super::QUEUE, "family.*")],
            Self::Chain => &[
                ("payments.settle", "order.created"),
                ("inventory.reserve", "payment.settled"),
                ("customer.tell", "stock.reserved"),
            ],
            _ => &[(super::QUEUE, "order.created")],
        }
    }
}
