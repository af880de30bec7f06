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
    Fault::new("network-cut", Times { short: 2, full: 10 }, |harness| {
        Box::pin(relayed::cut(harness))
    })
    .inject(|target| Box::pin(relayed::cut_once(target))),
    Fault::new("network-black-hole", TEN, |harness| {
        Box::pin(relayed::black_hole(harness))
    })
    .inject(|target| Box::pin(relayed::drop_packets(target))),
    Fault::new("network-slow", TEN, |harness| Box::pin(relayed::slow(harness)))
        .inject(|target| Box::pin(relayed::slow_down(target))),
    Fault::new("network-late", TEN, |harness| Box::pin(relayed::late(harness)))
        .inject(|target| Box::pin(relayed::delay(target))),
    Fault::new("network-closes", TEN, |harness| {
        Box::pin(relayed::closes(harness))
    })
    .inject(|target| Box::pin(relayed::close_new(target))),
    Fault::new("network-half-open", TEN, |harness| {
        Box::pin(relayed::half_open(harness))
    })
    .inject(|target| Box::pin(relayed::half_close(target))),
    Fault::new("connections-closed", Times { short: 2, full: 10 }, |harness| {
        Box::pin(operator::connections_closed(harness))
    })
    .inject(|target| Box::pin(operator::close_all(target))),
    Fault::new("channel-closed-404", THREE, |harness| {
        Box::pin(operator::delay_exchange_deleted(harness))
    })
    .inject(|target| Box::pin(operator::delete_delay_exchange(target))),
    Fault::new("channel-closed-406", THREE, |harness| {
        Box::pin(operator::too_large(harness))
    })
    .inject(|target| Box::pin(operator::publish_too_large(target))),
    Fault::new("queue-deleted", THREE, |harness| {
        Box::pin(deletions::queue(harness))
    })
    .inject(|target| Box::pin(deletions::delete_queue(target))),
    Fault::new("dlq-deleted", THREE, |harness| {
        Box::pin(operator::dead_letters_deleted(harness))
    })
    .inject(|target| Box::pin(operator::delete_dead_letters(target))),
    Fault::new("delay-queue-deleted", THREE, |harness| {
        Box::pin(deletions::delay_queue(harness))
    })
    .inject(|target| Box::pin(deletions::delete_delay_queue(target))),
    Fault::new("return-exchange-deleted", THREE, |harness| {
        Box::pin(operator::return_exchange_deleted(harness))
    })
    .inject(|target| Box::pin(operator::delete_return_exchange(target))),
    Fault::new("domain-exchange-deleted", THREE, |harness| {
        Box::pin(deletions::domain_exchange(harness))
    })
    .inject(|target| Box::pin(deletions::delete_domain_exchange(target))),
    Fault::new("password-wrong", THREE, |harness| {
        Box::pin(access::wrong_password(harness))
    }),
    Fault::new("password-changed", THREE, |harness| {
        Box::pin(access::password_changed(harness))
    })
    .inject(|target| Box::pin(access::change_password(target))),
    Fault::new("vhost-deleted", THREE, |harness| {
        Box::pin(access::vhost_deleted(harness))
    })
    .inject(|target| Box::pin(access::delete_vhost(target))),
    Fault::new("exchange-forbidden", THREE, |harness| {
        Box::pin(access::exchange_forbidden(harness))
    })
    .inject(|target| Box::pin(access::forbid_exchange(target))),
    Fault::new("queue-forbidden", THREE, |harness| {
        Box::pin(access::queue_forbidden(harness))
    })
    .inject(|target| Box::pin(access::forbid_queue(target))),
    Fault::new("tls", THREE, |harness| Box::pin(tls::trusted(harness))),
    Fault::new("tls-refused", Times { short: 10, full: 10 }, |harness| {
        Box::pin(tls::refused(harness))
    }),
    Fault::new("consumer-timeout", THREE, |harness| {
        Box::pin(consumer_timeout::exceeded(harness))
    }),
];
