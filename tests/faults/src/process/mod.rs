//! Faults of processes: handlers that misbehave, services that are killed, drained, replaced, and fed with nonsense.

pub mod asked;
pub mod asking;
mod bodies;
mod crash_loop;
mod dependency;
mod deploy;
mod handler;
mod handlers;
pub mod instance;
mod killed;
mod nonsense;
mod order;
pub mod service;
mod shutdown;
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
        name: crate::alone::NAME,
        run: crate::alone::child,
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
        |stage| Box::pin(handler::misbehaves(stage)),
    )
    .strike(|field| Box::pin(handler::misbehave(field))),
    Fault::new(
        "handler-holds",
        "one delivery is held, and the others go on as if it were not",
        Times { short: 1, full: 1 },
        |stage| Box::pin(handler::holds(stage)),
    )
    .strike(|field| Box::pin(handler::hold(field))),
    Fault::new(
        "process-killed",
        "the service is killed in the middle of its work, and started again",
        Times { short: 4, full: 20 },
        |stage| Box::pin(killed::killed(stage)),
    )
    .strike(|field| Box::pin(killed::kill(field))),
    Fault::new(
        "crash-loop",
        "a body that ends its process, among 255 that do not",
        Times { short: 1, full: 1 },
        |stage| Box::pin(crash_loop::ended(stage, 1, 1)),
    ),
    Fault::new(
        "crash-loop-few",
        "three bodies that end their process, among 253 that do not",
        Times { short: 1, full: 1 },
        |stage| Box::pin(crash_loop::ended(stage, 3, 1)),
    ),
    Fault::new(
        "crash-loop-many",
        "ten bodies that end their process, among 246 that do not",
        Times { short: 1, full: 1 },
        |stage| Box::pin(crash_loop::ended(stage, 10, 1)),
    ),
    Fault::new(
        "crash-loop-instances",
        "three bodies that end their process, and six instances that take turns",
        Times { short: 1, full: 1 },
        |stage| Box::pin(crash_loop::ended(stage, 3, 6)),
    ),
    Fault::new(
        "dependency-down",
        "what the handler needs is down for longer than all of its attempts last, at 1,000 events a second",
        Times { short: 1, full: 1 },
        |stage| Box::pin(dependency::down(stage)),
    )
    .strike(|field| Box::pin(dependency::go_down(field))),
    Fault::new(
        "shutdown",
        "SIGTERM with a long queue and 64 events in hand",
        FIVE,
        |stage| Box::pin(shutdown::finishes(stage)),
    )
    .strike(|field| Box::pin(shutdown::end(field))),
    Fault::new(
        "shutdown-too-short",
        "SIGTERM, and handlers that take longer than they may",
        FIVE,
        |stage| Box::pin(shutdown::too_short(stage)),
    ),
    Fault::new(
        "shutdown-twice",
        "a second SIGTERM while handlers finish",
        FIVE,
        |stage| Box::pin(shutdown::twice(stage)),
    ),
    Fault::new(
        "shutdown-broker-away",
        "SIGTERM while the broker is away",
        FIVE,
        |stage| Box::pin(shutdown::away(stage)),
    ),
    Fault::new(
        "deploy",
        "a service with another key, a newer version and one more handler starts while the old one runs",
        Times { short: 1, full: 5 },
        |stage| Box::pin(deploy::deployed(stage)),
    ),
    Fault::new(
        "deploy-ordered",
        "six instances with one active are replaced one by one while deliveries wait in their place",
        Times { short: 2, full: 2 },
        |stage| Box::pin(deploy::ordered(stage)),
    ),
    Fault::new(
        "bodies",
        "generated bodies and header tables, events and nonsense",
        Times {
            short: 4_000,
            full: 200_000,
        },
        |stage| Box::pin(bodies::fed(stage)),
    )
    .strike(|field| Box::pin(bodies::feed(field))),
    Fault::new(
        "order",
        "two instances with one active; retries, cut connections, killed processes and a killed broker",
        Times { short: 1, full: 5 },
        |stage| Box::pin(order::disturbed(stage)),
    ),
];
