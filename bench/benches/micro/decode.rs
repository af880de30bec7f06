//! From a message to an event.

use divan::{Bencher, black_box};
use tidings_paths::event::OrderCreated;
use tidings_paths::family::OrderEvent;
use tidings_paths::path::{read, read_family};
use tidings_paths::{plain_serde, wire};

fn event(size: &str) -> OrderCreated {
    match size {
        "512" => OrderCreated::small(),
        _ => OrderCreated::big(),
    }
}

const SIZES: [&str; 2] = ["512", "64kb"];

#[divan::bench(args = SIZES)]
fn envelope(bencher: Bencher<'_, '_>, size: &str) {
    let wire = wire::of(&event(size));
    bencher.bench(|| read::<OrderCreated>(black_box(&wire)));
}

#[divan::bench(args = SIZES)]
fn plain_serde_envelope(bencher: Bencher<'_, '_>, size: &str) {
    let wire = wire::of(&event(size));
    bencher.bench(|| plain_serde::decode(black_box(wire.body())));
}

/// Without the event's own type, as for an `AnyEvent`.
#[divan::bench(args = SIZES)]
fn metadata(bencher: Bencher<'_, '_>, size: &str) {
    let wire = wire::of(&event(size));
    bencher.bench(|| black_box(&wire).read());
}

/// The last of fifty event types.
#[divan::bench]
fn family(bencher: Bencher<'_, '_>) {
    let wire = wire::of(&OrderEvent::last());
    bencher.bench(|| read_family(black_box(&wire)));
}

#[divan::bench(args = SIZES)]
fn cloudevent_structured(bencher: Bencher<'_, '_>, size: &str) {
    let wire = wire::structured(&event(size));
    bencher.bench(|| read::<OrderCreated>(black_box(&wire)));
}

#[divan::bench(args = SIZES)]
fn cloudevent_binary(bencher: Bencher<'_, '_>, size: &str) {
    let wire = wire::binary(&event(size));
    bencher.bench(|| read::<OrderCreated>(black_box(&wire)));
}
