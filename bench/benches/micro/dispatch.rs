//! From a delivery to its acknowledgement: judged, decoded, handled, decided, settled. What a row counts is a batch of
//! deliveries; `items/s` is deliveries a second.

use divan::Bencher;
use divan::counter::ItemsCount;
use tidings::__bench::{Crowd, Treadmill};
use tidings::__private::HandlerList;
use tidings::{App, NoState, handlers};
use tidings_paths::event::OrderCreated;
use tidings_paths::path::{BATCH, end, runtime, start, take, to_the_last_of};
use tidings_paths::{plain_serde, wire};

/// With a handler that does nothing.
#[divan::bench]
fn delivery(bencher: Bencher<'_, '_>) {
    let treadmill = Treadmill::new(&wire::of(&OrderCreated::small()));
    turn(bencher, &treadmill, handlers![take]);
}

/// What a hand-written client does with as many: the body read, and no more.
#[divan::bench]
fn bare_delivery(bencher: Bencher<'_, '_>) {
    let wire = wire::of(&OrderCreated::small());
    bencher.counter(ItemsCount::new(BATCH)).bench(|| {
        for _ in 0..BATCH {
            divan::black_box(plain_serde::decode(divan::black_box(wire.body())));
        }
    });
}

/// One handler with so many patterns, the last of which has the key. It decodes nothing.
#[divan::bench(consts = [1, 10, 100, 1_000, 10_000])]
fn patterns<const PATTERNS: usize>(bencher: Bencher<'_, '_>) {
    let crowd = Crowd::<1, PATTERNS, false>;
    turn(bencher, &to_the_last_of(crowd), crowd);
}

/// So many handlers, each with a queue of its own.
#[divan::bench(consts = [1, 10, 100, 1_000])]
fn handlers<const HANDLERS: usize>(bencher: Bencher<'_, '_>) {
    let crowd = Crowd::<HANDLERS, 1, false>;
    turn(bencher, &to_the_last_of(crowd), crowd);
}

/// So many handlers of one queue, the last of which takes the event.
#[divan::bench(consts = [1, 10, 100, 1_000])]
fn handlers_of_one_queue<const HANDLERS: usize>(bencher: Bencher<'_, '_>) {
    let crowd = Crowd::<HANDLERS, 1, true>;
    turn(bencher, &to_the_last_of(crowd), crowd);
}

fn turn(bencher: Bencher<'_, '_>, treadmill: &Treadmill, handlers: impl HandlerList<NoState>) {
    let runtime = runtime();
    let app = runtime.block_on(start(App::new("bench").handlers(handlers), &treadmill.bus()));
    bencher
        .counter(ItemsCount::new(BATCH))
        .bench_local(|| runtime.block_on(treadmill.turn(BATCH)));
    runtime.block_on(end(app));
}
