//! Faults of processes: handlers that misbehave, services that are killed, drained, replaced, and fed with nonsense.

mod crash_loop;
mod dependency;
mod deploy;
mod generated;
mod generated_messages;
mod handlers;
pub mod instance;
mod killed;
mod misbehaving;
mod order;
pub mod service;
mod shutdown;
pub mod task;
pub mod task_publisher;
mod versions;

use crate::child::Child;
use crate::fault::{Fault, Times};

/// The programs that run in processes of their own.
pub const CHILDREN: &[Child] = &[
    Child {
        name: "service",
        run: service::run,
    },
    Child {
        name: crate::own_process::NAME,
        run: crate::own_process::child,
    },
];

/// Five of each, in the full form.
const FIVE: Times = Times { short: 1, full: 5 };

/// The rows.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "handler-misbehaves",
        "handlers fail, panic in every place, block their thread, and never end",
        Times { short: 2, full: 20 },
        |harness| Box::pin(misbehaving::misbehaves(harness)),
    )
    .inject(|target| Box::pin(misbehaving::misbehave(target))),
    Fault::new(
        "handler-holds",
        "one delivery is held, and the others go on as if it were not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(misbehaving::holds(harness)),
    )
    .inject(|target| Box::pin(misbehaving::hold(target))),
    Fault::new(
        "process-killed",
        "the service is killed in the middle of its work, and started again",
        Times { short: 4, full: 20 },
        |harness| Box::pin(killed::killed(harness)),
    )
    .inject(|target| Box::pin(killed::kill(target))),
    Fault::new(
        "crash-loop",
        "a body that ends its process, among 255 that do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::ended(harness, 1, 1)),
    ),
    Fault::new(
        "crash-loop-few",
        "three bodies that end their process, among 253 that do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::ended(harness, 3, 1)),
    ),
    Fault::new(
        "crash-loop-many",
        "ten bodies that end their process, among 246 that do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::ended(harness, 10, 1)),
    ),
    Fault::new(
        "crash-loop-instances",
        "three bodies that end their process, and six instances that take turns",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::ended(harness, 3, 6)),
    ),
    Fault::new(
        "dependency-down",
        "what the handler needs is down for longer than all of its attempts last, at 1,000 events a second",
        Times { short: 1, full: 1 },
        |harness| Box::pin(dependency::down(harness)),
    )
    .inject(|target| Box::pin(dependency::go_down(target))),
    Fault::new(
        "shutdown",
        "SIGTERM with a long queue and 64 events in hand",
        FIVE,
        |harness| Box::pin(shutdown::finishes(harness)),
    )
    .inject(|target| Box::pin(shutdown::end(target))),
    Fault::new(
        "shutdown-too-short",
        "SIGTERM, and handlers that take longer than they may",
        FIVE,
        |harness| Box::pin(shutdown::too_short(harness)),
    ),
    Fault::new(
        "shutdown-twice",
        "a second SIGTERM while handlers finish",
        FIVE,
        |harness| Box::pin(shutdown::twice(harness)),
    ),
    Fault::new(
        "shutdown-broker-away",
        "SIGTERM while the broker is away",
        FIVE,
        |harness| Box::pin(shutdown::away(harness)),
    ),
    Fault::new(
        "deploy",
        "a service with another key, a newer version and one more handler starts while the old one runs",
        Times { short: 1, full: 5 },
        |harness| Box::pin(deploy::deployed(harness)),
    ),
    Fault::new(
        "deploy-ordered",
        "six instances with one active are replaced one by one while deliveries wait in their place",
        Times { short: 2, full: 2 },
        |harness| Box::pin(deploy::ordered(harness)),
    ),
    Fault::new(
        "bodies",
        "generated bodies and header tables, events and nonsense",
        Times {
            short: 4_000,
            full: 200_000,
        },
        |harness| Box::pin(generated_messages::fed(harness)),
    )
    .inject(|target| Box::pin(generated_messages::feed(target))),
    Fault::new(
        "order",
        "two instances with one active; retries, cut connections, killed processes and a killed broker",
        Times { short: 1, full: 5 },
        |harness| Box::pin(order::disturbed(harness)),
    ),
];
