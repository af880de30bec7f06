//! Which queues a key goes to, among so many bindings.

use divan::{Bencher, black_box};
use tidings::__bench::Topics;
use tidings_paths::path::pattern;

#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn find(bencher: Bencher<'_, '_>, bindings: usize) {
    let patterns: Vec<String> = (1..=bindings).map(pattern).collect();
    let mut topics = Topics::new(patterns.iter().map(String::as_str));
    bencher.bench_local(|| topics.find(black_box("order.a001.created")).len());
}

/// As many patterns as there are, and all of them match.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn find_all(bencher: Bencher<'_, '_>, bindings: usize) {
    let mut topics = Topics::new((0..bindings).map(|_| "order.#"));
    bencher.bench_local(|| topics.find(black_box("order.a001.created")).len());
}
