//! Faults of the network, deletions by operators, and missing permissions.

mod access;
mod consumer_timeout;
mod deletions;
mod operator;
mod relayed;
mod tls;

use crate::fault::{Fault, Times};

const TEN: Times = Times { short: 1, full: 10 };
const THREE: Times = Times { short: 1, full: 3 };

/// The faults of this module, in the order of the table.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "network-cut",
        "all connections are closed by FIN and RST in turn; recovery within 15 s",
        Times { short: 2, full: 10 },
        |harness| Box::pin(relayed::cut(harness)),
    )
    .inject(|target| Box::pin(relayed::cut_once(target))),
    Fault::new(
        "network-black-hole",
        "all packets are dropped; the buses notice it within twice the heartbeat and 2 s; recovery within 20 s",
        TEN,
        |harness| Box::pin(relayed::black_hole(harness)),
    )
    .inject(|target| Box::pin(relayed::drop_packets(target))),
    Fault::new("network-slow", "1 kB/s in each direction; recovery within 20 s", TEN, |harness| {
        Box::pin(relayed::slow(harness))
    })
    .inject(|target| Box::pin(relayed::slow_down(target))),
    Fault::new(
        "network-late",
        "all packets are delayed by 200 ms; no connection is lost",
        TEN,
        |harness| Box::pin(relayed::late(harness)),
    )
    .inject(|target| Box::pin(relayed::delay(target))),
    Fault::new(
        "network-closes",
        "new connections are closed at once; few connection attempts per second; recovery within 15 s",
        TEN,
        |harness| Box::pin(relayed::closes(harness)),
    )
    .inject(|target| Box::pin(relayed::close_new(target))),
    Fault::new(
        "network-half-open",
        "one direction is dropped, or only the broker's end is closed; the buses notice it; recovery within 20 s",
        TEN,
        |harness| Box::pin(relayed::half_open(harness)),
    )
    .inject(|target| Box::pin(relayed::half_close(target))),
    Fault::new(
        "connections-closed",
        "an operator closes all connections; recovery within 15 s",
        Times { short: 2, full: 10 },
        |harness| Box::pin(operator::connections_closed(harness)),
    )
    .inject(|target| Box::pin(operator::close_all(target))),
    Fault::new(
        "channel-closed-404",
        "the exchange of the retries is deleted, so that a publish closes the channel that all publishes share",
        THREE,
        |harness| Box::pin(operator::delay_exchange_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_delay_exchange(target))),
    Fault::new(
        "channel-closed-406",
        "an event is larger than the broker accepts, which closes the channel that all publishes share",
        THREE,
        |harness| Box::pin(operator::too_large(harness)),
    )
    .inject(|target| Box::pin(operator::publish_too_large(target))),
    Fault::new(
        "queue-deleted",
        "the queue of a handler is deleted with its events, which cancels its consumer",
        THREE,
        |harness| Box::pin(deletions::queue(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_queue(target))),
    Fault::new(
        "dlq-deleted",
        "a dead-letter queue is deleted, and the next dead letter declares it again",
        THREE,
        |harness| Box::pin(operator::dead_letters_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_dead_letters(target))),
    Fault::new(
        "delay-queue-deleted",
        "a delay queue is deleted with its retries",
        THREE,
        |harness| Box::pin(deletions::delay_queue(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_delay_queue(target))),
    Fault::new(
        "return-exchange-deleted",
        "the return exchange of the retries is deleted; no retry is lost",
        THREE,
        |harness| Box::pin(operator::return_exchange_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_return_exchange(target))),
    Fault::new(
        "domain-exchange-deleted",
        "the exchange of all events is deleted with all bindings; recovery within 20 s",
        THREE,
        |harness| Box::pin(deletions::domain_exchange(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_domain_exchange(target))),
    Fault::new(
        "password-wrong",
        "the password is wrong from the start; connecting fails at once",
        THREE,
        |harness| Box::pin(access::wrong_password(harness)),
    ),
    Fault::new(
        "password-changed",
        "the password is changed at run time; the health reports it; recovery within 30 s after it is restored",
        THREE,
        |harness| Box::pin(access::password_changed(harness)),
    )
    .inject(|target| Box::pin(access::change_password(target))),
    Fault::new(
        "vhost-deleted",
        "the virtual host is deleted with its contents; recovery within 30 s after it exists again",
        THREE,
        |harness| Box::pin(access::vhost_deleted(harness)),
    )
    .inject(|target| Box::pin(access::delete_vhost(target))),
    Fault::new(
        "exchange-forbidden",
        "the permission to write to the exchange is removed; the publish error names the permission",
        THREE,
        |harness| Box::pin(access::exchange_forbidden(harness)),
    )
    .inject(|target| Box::pin(access::forbid_exchange(target))),
    Fault::new(
        "queue-forbidden",
        "the permission to read from a queue is removed; the health names the permission",
        THREE,
        |harness| Box::pin(access::queue_forbidden(harness)),
    )
    .inject(|target| Box::pin(access::forbid_queue(target))),
    Fault::new(
        "tls",
        "TLS with a client certificate (EXTERNAL), and all connections are closed",
        THREE,
        |harness| Box::pin(tls::trusted(harness)),
    ),
    Fault::new(
        "tls-refused",
        "wrong host name or scheme, unknown or expired certificates, EXTERNAL not offered; connecting fails at once",
        Times { short: 10, full: 10 },
        |harness| Box::pin(tls::refused(harness)),
    ),
    Fault::new(
        "consumer-timeout",
        "a handler keeps deliveries longer than the consumer timeout of the broker; other handlers continue",
        THREE,
        |harness| Box::pin(consumer_timeout::exceeded(harness)),
    ),
];
