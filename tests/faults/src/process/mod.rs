//! Faults of services: handlers misbehave, processes are killed, drained and replaced, and messages are malformed.

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

/// The programs of child processes.
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

const FIVE: Times = Times { short: 1, full: 5 };

/// The faults of this module, in the order of the table.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "handler-misbehaves",
        "handlers fail, panic in every place, block their thread, and never return",
        Times { short: 2, full: 20 },
        |harness| Box::pin(misbehaving::misbehaves(harness)),
    )
    .inject(|target| Box::pin(misbehaving::misbehave(target))),
    Fault::new(
        "handler-holds",
        "a handler keeps one delivery, and the others are not slower",
        Times { short: 1, full: 1 },
        |harness| Box::pin(misbehaving::holds(harness)),
    )
    .inject(|target| Box::pin(misbehaving::hold(target))),
    Fault::new(
        "process-killed",
        "the service is killed while it handles events, and restarted",
        Times { short: 4, full: 20 },
        |harness| Box::pin(killed::killed(harness)),
    )
    .inject(|target| Box::pin(killed::kill(target))),
    Fault::new(
        "crash-loop",
        "one event aborts its process, and 255 others do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::run(harness, 1, 1)),
    ),
    Fault::new(
        "crash-loop-few",
        "three events abort their process, and 253 others do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::run(harness, 3, 1)),
    ),
    Fault::new(
        "crash-loop-many",
        "ten events abort their process, and 246 others do not",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::run(harness, 10, 1)),
    ),
    Fault::new(
        "crash-loop-instances",
        "three events abort their process, and six instances run",
        Times { short: 1, full: 1 },
        |harness| Box::pin(crash_loop::run(harness, 3, 6)),
    ),
    Fault::new(
        "dependency-down",
        "a dependency is down for longer than all attempts take, at 1,000 events a second",
        Times { short: 1, full: 1 },
        |harness| Box::pin(dependency::down(harness)),
    )
    .inject(|target| Box::pin(dependency::make_dependency_fail(target))),
    Fault::new(
        "shutdown",
        "SIGTERM while 64 events run and the queue is long",
        FIVE,
        |harness| Box::pin(shutdown::finishes(harness)),
    )
    .inject(|target| Box::pin(shutdown::stop_and_restart(target))),
    Fault::new(
        "shutdown-too-short",
        "SIGTERM while handlers exceed the shutdown timeout",
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
        "shutdown-broker-down",
        "SIGTERM while the broker is down",
        FIVE,
        |harness| Box::pin(shutdown::broker_down(harness)),
    ),
    Fault::new(
        "deploy",
        "a service with another key, a newer version and one more handler starts while the old one runs",
        Times { short: 1, full: 5 },
        |harness| Box::pin(deploy::deployed(harness)),
    ),
    Fault::new(
        "deploy-ordered",
        "six instances with a single active consumer are replaced one by one while retries wait in place",
        Times { short: 2, full: 2 },
        |harness| Box::pin(deploy::ordered(harness)),
    ),
    Fault::new(
        "bodies",
        "generated bodies and header tables, valid and malformed",
        Times {
            short: 4_000,
            full: 200_000,
        },
        |harness| Box::pin(generated_messages::handled(harness)),
    )
    .inject(|target| Box::pin(generated_messages::publish_generated(target))),
    Fault::new(
        "order",
        "two instances with a single active consumer; retries, closed connections, killed processes, a killed broker",
        Times { short: 1, full: 5 },
        |harness| Box::pin(order::disturbed(harness)),
    ),
];
