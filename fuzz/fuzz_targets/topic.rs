//! Patterns and keys, held against a matcher that is too simple to be wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings::topic::{MAX_BYTES, matches, overlap};

fn words(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('.').collect() }
}

/// Word by word, every way to share the key among the pattern.
fn matches_simply(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], key) => (0..=key.len()).any(|taken| matches_simply(rest, &key[taken..])),
        (["*", rest @ ..], [_, key @ ..]) => matches_simply(rest, key),
        ([word, rest @ ..], [first, key @ ..]) => word == first && matches_simply(rest, key),
        _ => false,
    }
}

/// Word by word, every way to share a key between both.
fn overlap_simply(left: &[&str], right: &[&str]) -> bool {
    match (left, right) {
        ([], []) => true,
        (["#", rest @ ..], _) => {
            overlap_simply(rest, right)
                || right.split_first().is_some_and(|(_, right)| overlap_simply(left, right))
        }
        (_, ["#", ..]) => overlap_simply(right, left),
        ([a, left @ ..], [b, right @ ..]) => {
            (a == b || [*a, *b].contains(&"*")) && overlap_simply(left, right)
        }
        _ => false,
    }
}

fuzz_target!(|texts: (&str, &str, &str)| {
    let (left, right, key) = texts;
    // What a short string cannot hold never comes; brokers refuse a pattern with more than two `#`.
    let hashes = |pattern: &str| words(pattern).iter().filter(|word| **word == "#").count();
    if [left, right, key].iter().any(|text| text.len() > MAX_BYTES) || hashes(left) > 2 || hashes(right) > 2 {
        return;
    }
    let (by_left, by_right) = (matches(left, key), matches(right, key));
    assert_eq!(by_left, matches_simply(&words(left), &words(key)));
    assert_eq!(by_right, matches_simply(&words(right), &words(key)));
    assert_eq!(overlap(left, right), overlap(right, left));
    // The simple one takes a power of their number of words to find out.
    if [left, right].iter().all(|pattern| words(pattern).len() <= 16) {
        assert_eq!(overlap(left, right), overlap_simply(&words(left), &words(right)));
    }
    assert!(overlap(left, right) || !(by_left && by_right), "they meet at {key:?}");
    assert!(overlap(left, left), "every pattern matches something");
});
