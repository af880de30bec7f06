//! Faults of the network, of those who run the broker, and of those who may not enter it.

mod access;
mod gone;
mod held;
mod operator;
mod relayed;
mod secure;

use crate::fault::{Fault, Times};

const ONCE: Times = Times { short: 1, full: 10 };
const SOME: Times = Times { short: 1, full: 3 };

/// The rows.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "network-cut",
        "all connections are cut, by an end and by a reset in turn; well again within 15 s",
        Times { short: 2, full: 10 },
        |stage| Box::pin(relayed::cut(stage)),
    )
    .strike(|field| Box::pin(relayed::cut_off(field))),
    Fault::new(
        "network-black-hole",
        "nothing comes through and nobody is told; noticed within twice the heartbeat and 2 s, well again within 20 s",
        ONCE,
        |stage| Box::pin(relayed::black_hole(stage)),
    )
    .strike(|field| Box::pin(relayed::swallow(field))),
    Fault::new("network-slow", "1 kB/s; well again within 20 s", ONCE, |stage| {
        Box::pin(relayed::slow(stage))
    })
    .strike(|field| Box::pin(relayed::slow_down(field))),
    Fault::new(
        "network-late",
        "everything comes 200 ms later; no connection is lost",
        ONCE,
        |stage| Box::pin(relayed::late(stage)),
    )
    .strike(|field| Box::pin(relayed::delay(field))),
    Fault::new(
        "network-closes",
        "connections are taken and closed at once; well again within 15 s, and no more than a few tries a second",
        ONCE,
        |stage| Box::pin(relayed::closes(stage)),
    )
    .strike(|field| Box::pin(relayed::hang_up(field))),
    Fault::new(
        "network-half-open",
        "one way alone comes through, or the broker's end is gone; noticed as a black hole is, well again within 20 s",
        ONCE,
        |stage| Box::pin(relayed::half_open(stage)),
    )
    .strike(|field| Box::pin(relayed::half_close(field))),
    Fault::new(
        "connections-closed",
        "an operator closes all connections; well again within 15 s",
        Times { short: 2, full: 10 },
        |stage| Box::pin(operator::connections_closed(stage)),
    )
    .strike(|field| Box::pin(operator::close_all(field))),
    Fault::new(
        "channel-closed-404",
        "the exchange of the retries is deleted, so that a publish of ours closes the channel of all others",
        SOME,
        |stage| Box::pin(operator::delay_exchange_deleted(stage)),
    )
    .strike(|field| Box::pin(operator::delete_delay_exchange(field))),
    Fault::new(
        "channel-closed-406",
        "an event is larger than the broker takes, which closes the channel of all others",
        SOME,
        |stage| Box::pin(operator::too_large(stage)),
    )
    .strike(|field| Box::pin(operator::publish_too_large(field))),
    Fault::new(
        "queue-deleted",
        "a handler's queue is deleted, which cancels its consumer; what was in it went by that hand",
        SOME,
        |stage| Box::pin(gone::queue(stage)),
    )
    .strike(|field| Box::pin(gone::delete_queue(field))),
    Fault::new(
        "dlq-deleted",
        "a queue of dead letters is deleted, and the next dead letter makes it again",
        SOME,
        |stage| Box::pin(operator::dead_letters_deleted(stage)),
    )
    .strike(|field| Box::pin(operator::delete_dead_letters(field))),
    Fault::new(
        "delay-queue-deleted",
        "the queue of the retries is deleted; what waited in it went by that hand",
        SOME,
        |stage| Box::pin(gone::delay_queue(stage)),
    )
    .strike(|field| Box::pin(gone::delete_delay_queue(field))),
    Fault::new(
        "return-exchange-deleted",
        "the exchange by which retries come back is deleted; none is lost",
        SOME,
        |stage| Box::pin(operator::return_exchange_deleted(stage)),
    )
    .strike(|field| Box::pin(operator::delete_return_exchange(field))),
    Fault::new(
        "domain-exchange-deleted",
        "the exchange of all events is deleted, and all bindings with it; well again within 20 s",
        SOME,
        |stage| Box::pin(gone::domain_exchange(stage)),
    )
    .strike(|field| Box::pin(gone::delete_domain_exchange(field))),
    Fault::new(
        "password-wrong",
        "the password is wrong from the start: an error at once",
        SOME,
        |stage| Box::pin(access::wrong_password(stage)),
    ),
    Fault::new(
        "password-changed",
        "the password is changed while we run; health says so, and all is well within 30 s of its being right again",
        SOME,
        |stage| Box::pin(access::password_changed(stage)),
    )
    .strike(|field| Box::pin(access::change_password(field))),
    Fault::new(
        "vhost-deleted",
        "the virtual host is deleted with all that is in it; well within 30 s of its being there again",
        SOME,
        |stage| Box::pin(access::vhost_deleted(stage)),
    )
    .strike(|field| Box::pin(access::delete_vhost(field))),
    Fault::new(
        "exchange-forbidden",
        "the permission to write to the exchange is taken away; who publishes is told which it is",
        SOME,
        |stage| Box::pin(access::exchange_forbidden(stage)),
    )
    .strike(|field| Box::pin(access::forbid_exchange(field))),
    Fault::new(
        "queue-forbidden",
        "the permission to read from a queue is taken away; health says which it is",
        SOME,
        |stage| Box::pin(access::queue_forbidden(stage)),
    )
    .strike(|field| Box::pin(access::forbid_queue(field))),
    Fault::new(
        "tls",
        "by a good chain and a client's certificate (EXTERNAL), and all connections closed",
        SOME,
        |stage| Box::pin(secure::trusted(stage)),
    ),
    Fault::new(
        "tls-refused",
        "wrong host name, unknown or expired certificates of either side, EXTERNAL not offered, the wrong scheme: told at once",
        Times { short: 10, full: 10 },
        |stage| Box::pin(secure::refused(stage)),
    ),
    Fault::new(
        "delivery-held",
        "a handler holds deliveries longer than the broker lets it; the others go on",
        SOME,
        |stage| Box::pin(held::held(stage)),
    ),
];
