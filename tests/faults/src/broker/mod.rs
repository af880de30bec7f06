//! Faults of the broker.

mod alarm;
mod away;
mod between;
mod full;
mod killed;
mod restarted;
mod retries;

use crate::fault::{Fault, Times};

/// Five of each, in the full form.
const FIVE: Times = Times { short: 1, full: 5 };

/// The rows.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "broker-killed",
        "the broker is killed and started again while events are published and handled",
        Times { short: 2, full: 20 },
        |stage| Box::pin(killed::killed(stage)),
    )
    .strike(|field| killed::kill(&field.node)),
    Fault::new(
        "broker-restarted",
        "the broker is stopped in good order and started again",
        FIVE,
        |stage| Box::pin(restarted::through(stage, |node| restarted::restart(node))),
    )
    .strike(|field| restarted::restart(&field.node)),
    Fault::new(
        "app-stopped",
        "RabbitMQ is stopped within its node by `stop_app`, and started again",
        FIVE,
        |stage| Box::pin(restarted::through(stage, |node| restarted::stop_app(node))),
    )
    .strike(|field| restarted::stop_app(&field.node)),
    Fault::new(
        "broker-away-at-start",
        "a service starts while the broker is away, which comes later",
        FIVE,
        |stage| Box::pin(away::at_start(stage)),
    ),
    Fault::new(
        "broker-away-for-long",
        "3,000 callers publish on while the broker is away",
        Times { short: 1, full: 1 },
        |stage| Box::pin(away::for_long(stage)),
    )
    .strike(|field| Box::pin(away::for_a_while(field)))
    .alone(),
    Fault::new(
        "memory-alarm",
        "the broker is short of memory, and takes no publishes",
        FIVE,
        |stage| Box::pin(alarm::alarmed(stage, alarm::MEMORY)),
    )
    .strike(|field| Box::pin(alarm::raise(field, alarm::MEMORY))),
    Fault::new(
        "disk-alarm",
        "the broker is short of disk, and takes no publishes",
        FIVE,
        |stage| Box::pin(alarm::alarmed(stage, alarm::DISK)),
    )
    .strike(|field| Box::pin(alarm::raise(field, alarm::DISK))),
    Fault::new(
        "queue-full",
        "a stranger's queue that is bound to the event, too, is full and refuses",
        FIVE,
        |stage| Box::pin(full::refusing(stage)),
    )
    .strike(|field| Box::pin(full::refuse(field))),
    Fault::new(
        "retries-of-a-queue-that-is-gone",
        "a hundred retries wait for a queue that was deleted; another queue's retries come back in time",
        Times { short: 1, full: 3 },
        |stage| Box::pin(retries::of_a_queue_that_is_gone(stage)),
    ),
    Fault::new(
        "retries-of-a-queue-that-is-full",
        "a hundred retries wait for a queue that refuses them; another queue's retries come back in time",
        Times { short: 1, full: 3 },
        |stage| Box::pin(retries::of_a_queue_that_is_full(stage)),
    ),
    Fault::new(
        "killed-between-delay-and-ack",
        "the broker is killed when 1,000 retries wait in the delay queue and none is acknowledged",
        FIVE,
        |stage| Box::pin(between::delay_and_ack(stage)),
    ),
    Fault::new(
        "killed-after-a-delay-was-declared",
        "the broker is killed when 1,000 retries wait in a delay queue that was declared for the first of them",
        FIVE,
        |stage| Box::pin(between::fresh_delay(stage)),
    ),
    Fault::new(
        "killed-between-handler-and-ack",
        "the broker is killed when a handler has finished 1,000 events and none is acknowledged",
        FIVE,
        |stage| Box::pin(between::handler_and_ack(stage)),
    ),
    Fault::new(
        "killed-while-dead-letters-are-refused",
        "the broker is killed while the dead letters of 1,000 rejected events are refused",
        FIVE,
        |stage| Box::pin(between::refused_dead_letters(stage)),
    ),
];
