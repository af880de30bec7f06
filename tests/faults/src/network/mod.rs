//! Faults of the network, of those who run the broker, and of those who may not enter it.

mod access;
mod consumer_timeout;
mod deletions;
mod operator;
mod relayed;
mod tls;

use crate::fault::{Fault, Times};

const ONCE: Times = Times { short: 1, full: 10 };
const SOME: Times = Times { short: 1, full: 3 };

/// The rows.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "network-cut",
        "all connections are cut, by an end and by a reset in turn; well again within 15 s",
        Times { short: 2, full: 10 },
        |harness| Box::pin(relayed::cut(harness)),
    )
    .inject(|target| Box::pin(relayed::cut_off(target))),
    Fault::new(
        "network-black-hole",
        "nothing comes through and nobody is told; noticed within twice the heartbeat and 2 s, well again within 20 s",
        ONCE,
        |harness| Box::pin(relayed::black_hole(harness)),
    )
    .inject(|target| Box::pin(relayed::swallow(target))),
    Fault::new("network-slow", "1 kB/s; well again within 20 s", ONCE, |harness| {
        Box::pin(relayed::slow(harness))
    })
    .inject(|target| Box::pin(relayed::slow_down(target))),
    Fault::new(
        "network-late",
        "everything comes 200 ms later; no connection is lost",
        ONCE,
        |harness| Box::pin(relayed::late(harness)),
    )
    .inject(|target| Box::pin(relayed::delay(target))),
    Fault::new(
        "network-closes",
        "connections are taken and closed at once; well again within 15 s, and no more than a few tries a second",
        ONCE,
        |harness| Box::pin(relayed::closes(harness)),
    )
    .inject(|target| Box::pin(relayed::hang_up(target))),
    Fault::new(
        "network-half-open",
        "one way alone comes through, or the broker's end is deleted; noticed as a black hole is, well again within 20 s",
        ONCE,
        |harness| Box::pin(relayed::half_open(harness)),
    )
    .inject(|target| Box::pin(relayed::half_close(target))),
    Fault::new(
        "connections-closed",
        "an operator closes all connections; well again within 15 s",
        Times { short: 2, full: 10 },
        |harness| Box::pin(operator::connections_closed(harness)),
    )
    .inject(|target| Box::pin(operator::close_all(target))),
    Fault::new(
        "channel-closed-404",
        "the exchange of the retries is deleted, so that a publish of ours closes the channel of all others",
        SOME,
        |harness| Box::pin(operator::delay_exchange_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_delay_exchange(target))),
    Fault::new(
        "channel-closed-406",
        "an event is larger than the broker takes, which closes the channel of all others",
        SOME,
        |harness| Box::pin(operator::too_large(harness)),
    )
    .inject(|target| Box::pin(operator::publish_too_large(target))),
    Fault::new(
        "queue-deleted",
        "a handler's queue is deleted, which cancels its consumer; what was in it went by that hand",
        SOME,
        |harness| Box::pin(deletions::queue(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_queue(target))),
    Fault::new(
        "dlq-deleted",
        "a queue of dead letters is deleted, and the next dead letter makes it again",
        SOME,
        |harness| Box::pin(operator::dead_letters_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_dead_letters(target))),
    Fault::new(
        "delay-queue-deleted",
        "the queue of the retries is deleted; what waited in it went by that hand",
        SOME,
        |harness| Box::pin(deletions::delay_queue(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_delay_queue(target))),
    Fault::new(
        "return-exchange-deleted",
        "the exchange by which retries come back is deleted; none is lost",
        SOME,
        |harness| Box::pin(operator::return_exchange_deleted(harness)),
    )
    .inject(|target| Box::pin(operator::delete_return_exchange(target))),
    Fault::new(
        "domain-exchange-deleted",
        "the exchange of all events is deleted, and all bindings with it; well again within 20 s",
        SOME,
        |harness| Box::pin(deletions::domain_exchange(harness)),
    )
    .inject(|target| Box::pin(deletions::delete_domain_exchange(target))),
    Fault::new(
        "password-wrong",
        "the password is wrong from the start: an error at once",
        SOME,
        |harness| Box::pin(access::wrong_password(harness)),
    ),
    Fault::new(
        "password-changed",
        "the password is changed while we run; health says so, and all is well within 30 s of its being right again",
        SOME,
        |harness| Box::pin(access::password_changed(harness)),
    )
    .inject(|target| Box::pin(access::change_password(target))),
    Fault::new(
        "vhost-deleted",
        "the virtual host is deleted with all that is in it; well within 30 s of its being there again",
        SOME,
        |harness| Box::pin(access::vhost_deleted(harness)),
    )
    .inject(|target| Box::pin(access::delete_vhost(target))),
    Fault::new(
        "exchange-forbidden",
        "the permission to write to the exchange is taken away; who publishes is told which it is",
        SOME,
        |harness| Box::pin(access::exchange_forbidden(harness)),
    )
    .inject(|target| Box::pin(access::forbid_exchange(target))),
    Fault::new(
        "queue-forbidden",
        "the permission to read from a queue is taken away; health says which it is",
        SOME,
        |harness| Box::pin(access::queue_forbidden(harness)),
    )
    .inject(|target| Box::pin(access::forbid_queue(target))),
    Fault::new(
        "tls",
        "by a good chain and a client's certificate (EXTERNAL), and all connections closed",
        SOME,
        |harness| Box::pin(tls::trusted(harness)),
    ),
    Fault::new(
        "tls-refused",
        "wrong host name, unknown or expired certificates of either side, EXTERNAL not offered, the wrong scheme: told at once",
        Times { short: 10, full: 10 },
        |harness| Box::pin(tls::refused(harness)),
    ),
    Fault::new(
        "delivery-held",
        "a handler holds deliveries longer than the broker lets it; the others go on",
        SOME,
        |harness| Box::pin(consumer_timeout::exceeded(harness)),
    ),
];
