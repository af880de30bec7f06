//! Faults of the broker.

mod alarm;
mod before_ack;
mod killed;
mod queue_full;
mod restarted;
mod retries;
mod unavailable;

use crate::fault::{Fault, Times};

const FIVE: Times = Times { short: 1, full: 5 };

/// The faults of this module, in the order of the table.
pub const FAULTS: &[Fault] = &[
    Fault::new("broker-killed", Times { short: 2, full: 20 }, |harness| {
        Box::pin(killed::killed(harness))
    })
    .inject(|target| killed::kill(&target.node)),
    Fault::new("broker-restarted", FIVE, |harness| {
        Box::pin(restarted::through(harness, |node| restarted::restart(node)))
    })
    .inject(|target| restarted::restart(&target.node)),
    Fault::new("app-stopped", FIVE, |harness| {
        Box::pin(restarted::through(harness, |node| restarted::stop_app(node)))
    })
    .inject(|target| restarted::stop_app(&target.node)),
    Fault::new("broker-down-at-start", FIVE, |harness| {
        Box::pin(unavailable::at_start(harness))
    }),
    Fault::new("broker-down-for-long", Times { short: 1, full: 1 }, |harness| {
        Box::pin(unavailable::for_long(harness))
    })
    .inject(|target| Box::pin(unavailable::for_a_while(target)))
    .alone(),
    Fault::new("memory-alarm", FIVE, |harness| {
        Box::pin(alarm::alarmed(harness, alarm::MEMORY))
    })
    .inject(|target| Box::pin(alarm::raise(target, alarm::MEMORY))),
    Fault::new("disk-alarm", FIVE, |harness| {
        Box::pin(alarm::alarmed(harness, alarm::DISK))
    })
    .inject(|target| Box::pin(alarm::raise(target, alarm::DISK))),
    Fault::new("queue-full", FIVE, |harness| Box::pin(queue_full::full(harness)))
        .inject(|target| Box::pin(queue_full::fill_and_delete(target))),
    Fault::new(
        "retries-of-a-queue-that-is-deleted",
        Times { short: 1, full: 3 },
        |harness| Box::pin(retries::of_a_deleted_queue(harness)),
    ),
    Fault::new(
        "retries-of-a-queue-that-is-full",
        Times { short: 1, full: 3 },
        |harness| Box::pin(retries::of_a_full_queue(harness)),
    ),
    Fault::new("killed-between-delay-and-ack", FIVE, |harness| {
        Box::pin(before_ack::delay_and_ack(harness))
    }),
    Fault::new("killed-after-a-delay-was-declared", FIVE, |harness| {
        Box::pin(before_ack::fresh_delay(harness))
    }),
    Fault::new("killed-between-handler-and-ack", FIVE, |harness| {
        Box::pin(before_ack::handler_and_ack(harness))
    }),
    Fault::new("killed-while-dead-letters-are-refused", FIVE, |harness| {
        Box::pin(before_ack::refused_dead_letters(harness))
    }),
];
