//! From an event to its message.

use divan::{Bencher, black_box};
use tidings::__bench::Wire;
use tidings_paths::event::OrderCreated;
use tidings_paths::family::OrderEvent;
use tidings_paths::plain_serde;

#[divan::bench]
fn envelope_512(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::small();
    bencher.bench(|| Wire::written(black_box(&event)));
}

#[divan::bench]
fn envelope_64kb(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::big();
    bencher.bench(|| Wire::written(black_box(&event)));
}

#[divan::bench]
fn plain_serde_512(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::small();
    bencher.bench(|| plain_serde::encode(black_box(&event)));
}

#[divan::bench]
fn plain_serde_64kb(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::big();
    bencher.bench(|| plain_serde::encode(black_box(&event)));
}

/// The last of fifty event types.
#[divan::bench]
fn family(bencher: Bencher<'_, '_>) {
    let event = OrderEvent::last();
    bencher.bench(|| Wire::written(black_box(&event)));
}
