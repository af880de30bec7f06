//! All scenarios.

use super::Bound::{AtLeast, AtMost, MoreAtMost, TimesAtLeast, TimesAtMost};
use super::{Bound, Figure, On, Row, Scenario, Target};
use crate::clients::{Client, Job};

const fn row(client: Client, job: Job, events: u64) -> Row {
    Row {
        name: client.name(),
        client,
        job,
        events,
    }
}

const fn named(name: &'static str, client: Client, job: Job, events: u64) -> Row {
    Row {
        name,
        client,
        job,
        events,
    }
}

const fn target(figure: Figure, bound: Bound) -> Target {
    Target {
        figure,
        of: "tidings",
        bound,
    }
}

const fn of(of: &'static str, figure: Figure, bound: Bound) -> Target {
    Target { figure, of, bound }
}

const PUBLISH: &[Target] = &[
    target(Figure::Rate, TimesAtLeast(0.95, "lapin-best")),
    target(Figure::Cpu, TimesAtMost(1.15, "lapin-best")),
    target(Figure::Rate, TimesAtLeast(4.0, "faststream")),
    target(Figure::Rate, TimesAtLeast(1.3, "golevelup")),
    target(Figure::Rate, TimesAtLeast(1.0, "ruststream")),
    target(Figure::Cpu, TimesAtMost(1.0, "ruststream")),
];

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "publish-one",
        about: "one task publishes and awaits each confirm",
        rows: &[
            row(Client::Tidings, Job::PublishOne, 2_000),
            row(Client::LapinNaive, Job::PublishOne, 2_000),
            row(Client::RustStreamPlain, Job::PublishOne, 2_000),
            row(Client::FastStreamPlain, Job::PublishOne, 1_500),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "publish-256",
        about: "256 tasks publish and await each confirm",
        rows: &[
            row(Client::Tidings, Job::PublishMany, 100_000),
            row(Client::LapinBest, Job::PublishMany, 100_000),
            named("tidings-1024", Client::Tidings, Job::Publish1024, 100_000),
            named("lapin-owner", Client::LapinBest, Job::PublishByOwner, 100_000),
            named("lapin-tasks", Client::LapinBest, Job::PublishByTasks, 100_000),
            named("lapin-locked", Client::LapinBest, Job::PublishLocked, 100_000),
            row(Client::LapinNaive, Job::PublishMany, 2_000),
            row(Client::RustStream, Job::PublishMany, 100_000),
            row(Client::FastStream, Job::PublishMany, 6_000),
            row(Client::Golevelup, Job::PublishMany, 100_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: PUBLISH,
    },
    Scenario {
        name: "publish-all",
        about: "one task publishes batches of 10,000",
        rows: &[
            row(Client::Tidings, Job::PublishAll, 100_000),
            row(Client::LapinBest, Job::PublishAll, 100_000),
            named("lapin-calls", Client::LapinBest, Job::PublishInCalls, 100_000),
            row(Client::RustStream, Job::PublishAll, 100_000),
            row(Client::FastStream, Job::PublishAll, 6_000),
            row(Client::Golevelup, Job::PublishAll, 100_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: PUBLISH,
    },
    Scenario {
        name: "publish-64kb",
        about: "256 tasks publish events of 64 kB",
        rows: &[
            row(Client::Tidings, Job::PublishBig, 3_000),
            row(Client::LapinBest, Job::PublishBig, 3_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "consume",
        about: "an empty handler takes everything from a queue",
        rows: &[
            row(Client::Tidings, Job::Consume, 100_000),
            row(Client::LapinBest, Job::Consume, 100_000),
            row(Client::LapinNaive, Job::Consume, 12_000),
            row(Client::RustStream, Job::Consume, 100_000),
            row(Client::RustStreamPlain, Job::Consume, 12_000),
            row(Client::FastStream, Job::Consume, 5_000),
            row(Client::FastStreamPlain, Job::Consume, 4_000),
            row(Client::Golevelup, Job::Consume, 100_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[
            target(Figure::Rate, TimesAtLeast(0.95, "lapin-best")),
            target(Figure::Cpu, TimesAtMost(1.15, "lapin-best")),
            target(Figure::Rate, TimesAtLeast(8.0, "faststream")),
            target(Figure::Rate, TimesAtLeast(1.0, "golevelup")),
            target(Figure::Cpu, TimesAtMost(1.0, "golevelup")),
            target(Figure::Rate, TimesAtLeast(1.0, "ruststream")),
            target(Figure::Cpu, TimesAtMost(1.0, "ruststream")),
        ],
    },
    Scenario {
        name: "consume-64kb",
        about: "an empty handler takes events of 64 kB",
        rows: &[
            row(Client::Tidings, Job::ConsumeBig, 3_000),
            row(Client::LapinBest, Job::ConsumeBig, 3_000),
        ],
        on: On::Queues,
        rounds: 10,
        // 256 events of 64 kB, as messages and decoded, and the process itself.
        targets: &[target(Figure::Peak, AtMost(64.0))],
    },
    Scenario {
        name: "5ms",
        about: "a handler of 5 ms takes everything from a queue, with a concurrency of 16 to 1,024; 64 is the default",
        rows: &[
            named("tidings-16", Client::Tidings, Job::Slow16, 4_000),
            named("lapin-16", Client::LapinBest, Job::Slow16, 4_000),
            named("tidings-64", Client::Tidings, Job::Slow, 12_000),
            named("lapin-64", Client::LapinBest, Job::Slow, 12_000),
            named("tidings-256", Client::Tidings, Job::Slow256, 20_000),
            named("lapin-256", Client::LapinBest, Job::Slow256, 20_000),
            named("tidings-1024", Client::Tidings, Job::Slow1024, 20_000),
            named("lapin-1024", Client::LapinBest, Job::Slow1024, 20_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[
            of("tidings-16", Figure::Rate, TimesAtLeast(0.95, "lapin-16")),
            of("tidings-64", Figure::Rate, TimesAtLeast(0.95, "lapin-64")),
            of("tidings-64", Figure::Rate, TimesAtLeast(3.5, "tidings-16")),
            of("tidings-256", Figure::Rate, TimesAtLeast(0.95, "lapin-256")),
            of("tidings-1024", Figure::Rate, TimesAtLeast(0.95, "lapin-1024")),
        ],
    },
    Scenario {
        name: "5ms-offered",
        about: "2,000 events a second for a handler of 5 ms with default settings",
        rows: &[
            row(Client::Tidings, Job::Offered, 3_000),
            row(Client::LapinBest, Job::Offered, 3_000),
        ],
        on: On::Queues,
        rounds: 10,
        // The last handler ends some milliseconds after the 1.5 seconds of publishing.
        targets: &[target(Figure::Rate, AtLeast(1_960.0))],
    },
    Scenario {
        name: "busy",
        about: "a handler that calculates for about 100 µs, on all cores",
        rows: &[
            row(Client::Tidings, Job::Busy, 10_000),
            row(Client::LapinBest, Job::Busy, 10_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "stuck",
        about: "the handler of the first event returns after all others",
        rows: &[
            row(Client::Tidings, Job::Stuck, 20_000),
            row(Client::LapinBest, Job::Stuck, 20_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "ordered",
        about: "an ordered handler with 1, 100 and 100,000 aggregates, and one without order",
        rows: &[
            named("ordered-1", Client::Tidings, Job::Ordered1, 20_000),
            named("ordered-100", Client::Tidings, Job::Ordered100, 20_000),
            named("ordered-100000", Client::Tidings, Job::Ordered100000, 100_000),
            named("unordered", Client::Tidings, Job::Consume, 20_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "family",
        about: "a family of 50 event types, and a single type",
        rows: &[
            named("family-of-50", Client::Tidings, Job::Family, 30_000),
            named("one-type", Client::Tidings, Job::Consume, 30_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "end-to-end",
        about: "1,000 events a second, from before the publish to the handler",
        rows: &[
            row(Client::Tidings, Job::EndToEnd, 2_000),
            row(Client::LapinBest, Job::EndToEnd, 2_000),
        ],
        on: On::Queues,
        rounds: 12,
        targets: &[target(Figure::P50, MoreAtMost(100.0, "lapin-best"))],
    },
    Scenario {
        name: "end-to-end-full",
        about: "the highest rate, from before the publish to the handler",
        rows: &[
            row(Client::Tidings, Job::EndToEndFull, 30_000),
            row(Client::LapinBest, Job::EndToEndFull, 30_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "chain",
        about: "three services, each of which publishes the event that the next one handles",
        rows: &[
            row(Client::Tidings, Job::Chain, 8_000),
            row(Client::LapinBest, Job::Chain, 8_000),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "memory",
        about: "the in-memory broker on one core, end to end, published by one task and by 64",
        rows: &[
            row(Client::Tidings, Job::Memory, 300_000),
            named("64-tasks", Client::Tidings, Job::MemoryMany, 300_000),
        ],
        on: On::Memory,
        rounds: 10,
        targets: &[target(Figure::Rate, AtLeast(250_000.0))],
    },
    Scenario {
        name: "reconnect",
        about: "a cut connection, from the cut to the next confirmed publish; 3 cuts a run",
        rows: &[
            row(Client::Tidings, Job::Reconnect, 3),
            row(Client::LapinBest, Job::Reconnect, 3),
        ],
        on: On::Queues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "start",
        about: "500 handlers start without queues, then (`s-again`) with all queues declared",
        rows: &[row(Client::Tidings, Job::Start, 500)],
        on: On::OwnQueues,
        rounds: 10,
        targets: &[],
    },
    Scenario {
        name: "memory-growth",
        about: "resident memory over many events, end to end; `--events 10000000` is the long form",
        rows: &[row(Client::Tidings, Job::MemoryGrowth, 150_000)],
        on: On::Queues,
        rounds: 10,
        targets: &[target(Figure::Also("growth"), AtMost(1.1))],
    },
];
