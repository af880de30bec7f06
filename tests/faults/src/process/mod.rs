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
    Fault::new("handler-misbehaves", Times { short: 2, full: 20 }, |harness| {
        Box::pin(misbehaving::misbehaves(harness))
    })
    .inject(|target| Box::pin(misbehaving::misbehave(target))),
    Fault::new("handler-holds", Times { short: 1, full: 1 }, |harness| {
        Box::pin(misbehaving::holds(harness))
    })
    .inject(|target| Box::pin(misbehaving::hold(target))),
    Fault::new("process-killed", Times { short: 4, full: 20 }, |harness| {
        Box::pin(killed::killed(harness))
    })
    .inject(|target| Box::pin(killed::kill(target))),
    Fault::new("crash-loop", Times { short: 1, full: 1 }, |harness| {
        Box::pin(crash_loop::run(harness, 1, 1))
    }),
    Fault::new("crash-loop-few", Times { short: 1, full: 1 }, |harness| {
        Box::pin(crash_loop::run(harness, 3, 1))
    }),
    Fault::new("crash-loop-many", Times { short: 1, full: 1 }, |harness| {
        Box::pin(crash_loop::run(harness, 10, 1))
    }),
    Fault::new("crash-loop-instances", Times { short: 1, full: 1 }, |harness| {
        Box::pin(crash_loop::run(harness, 3, 6))
    }),
    Fault::new("dependency-down", Times { short: 1, full: 1 }, |harness| {
        Box::pin(dependency::down(harness))
    })
    .inject(|target| Box::pin(dependency::make_dependency_fail(target))),
    Fault::new("shutdown", FIVE, |harness| Box::pin(shutdown::finishes(harness)))
        .inject(|target| Box::pin(shutdown::stop_and_restart(target))),
    Fault::new("shutdown-too-short", FIVE, |harness| {
        Box::pin(shutdown::too_short(harness))
    }),
    Fault::new("shutdown-twice", FIVE, |harness| {
        Box::pin(shutdown::twice(harness))
    }),
    Fault::new("shutdown-broker-down", FIVE, |harness| {
        Box::pin(shutdown::broker_down(harness))
    }),
    Fault::new("deploy", Times { short: 1, full: 5 }, |harness| {
        Box::pin(deploy::deployed(harness))
    }),
    Fault::new("deploy-ordered", Times { short: 2, full: 2 }, |harness| {
        Box::pin(deploy::ordered(harness))
    }),
    Fault::new(
        "bodies",
        Times {
            short: 4_000,
            full: 200_000,
        },
        |harness| Box::pin(generated_messages::handled(harness)),
    )
    .inject(|target| Box::pin(generated_messages::publish_generated(target))),
    Fault::new("order", Times { short: 1, full: 5 }, |harness| {
        Box::pin(order::disturbed(harness))
    }),
];
