//! Compares the matching of patterns and keys with a matcher that is too simple to be wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings::topic::{MAX_BYTES, matches, overlap};

fn words(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('.').collect() }
}

/// Tries every number of words of the key for each `#` of the pattern.
fn matches_simply(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], key) => (0..=key.len()).any(|taken| matches_simply(rest, &key[taken..])),
        (["*", rest @ ..], [_, key @ ..]) => matches_simply(rest, key),
        ([word, rest @ ..], [first, key @ ..]) => word == first && matches_simply(rest, key),
        _ => false,
    }
}

/// Tries every number of words for each `#` of both patterns.
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
    // AMQP limits the length of a key and a pattern, and RabbitMQ 4.3 refuses a pattern with more than two `#`.
    let hashes = |pattern: &str| words(pattern).iter().filter(|word| **word == "#").count();
    if [left, right, key].iter().any(|text| text.len() > MAX_BYTES) || hashes(left) > 2 || hashes(right) > 2 {
        return;
    }
    let (by_left, by_right) = (matches(left, key), matches(right, key));
    assert_eq!(by_left, matches_simply(&words(left), &words(key)));
    assert_eq!(by_right, matches_simply(&words(right), &words(key)));
    assert_eq!(overlap(left, right), overlap(right, left));
    // The time of the simple matcher grows exponentially with the number of words.
    if [left, right].iter().all(|pattern| words(pattern).len() <= 16) {
        assert_eq!(overlap(left, right), overlap_simply(&words(left), &words(right)));
    }
    assert!(overlap(left, right) || !(by_left && by_right), "both patterns match {key:?}");
    assert!(overlap(left, left), "a pattern overlaps itself");
});
