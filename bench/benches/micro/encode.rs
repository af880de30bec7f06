//! From an event to its message. Nothing writes CloudEvents yet.

use divan::{Bencher, black_box};
use tidings::__bench::Wire;
use tidings_paths::bare;
use tidings_paths::event::OrderCreated;
use tidings_paths::family::OrderEvent;

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
fn bare_512(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::small();
    bencher.bench(|| bare::encode(black_box(&event)));
}

#[divan::bench]
fn bare_64kb(bencher: Bencher<'_, '_>) {
    let event = OrderCreated::big();
    bencher.bench(|| bare::encode(black_box(&event)));
}

/// The last of fifty.
#[divan::bench]
fn family(bencher: Bencher<'_, '_>) {
    let event = OrderEvent::last();
    bencher.bench(|| Wire::written(black_box(&event)));
}
