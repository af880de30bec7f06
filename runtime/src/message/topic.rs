//! Routing keys and binding patterns: which keys a pattern matches, and whether two patterns overlap.
//!
//! The rules are those of RabbitMQ's topic exchanges, including the edge cases
//! (<https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-topic>). Dots separate words, and only a whole word can
//! be a wildcard. The empty key has no word, and an empty word between dots is a word.
//!
//! All functions are `const`: the macros use them to check patterns at compile time.

/// The maximum length of a routing key or pattern, in bytes. AMQP 0-9-1 encodes both as a *short string*.
pub const MAX_BYTES: usize = 255;

/// Returns whether `pattern` matches the routing key `key`.
///
/// In the pattern, `*` stands for exactly one word, which can be empty, and `#` for zero or more words. In the key,
/// both are plain text.
///
/// ```
/// use tidings::topic::matches;
/// assert!(matches("order.*", "order.created"));
/// assert!(matches("order.#", "order"));
/// assert!(!matches("order.*", "order"));
/// ```
pub const fn matches(pattern: &str, key: &str) -> bool {
    covers(pattern.as_bytes(), key.as_bytes(), false)
}

/// Returns whether some routing key matches both patterns.
///
/// ```
/// use tidings::topic::overlap;
/// assert!(overlap("order.*", "*.created"));
/// assert!(!overlap("order.*", "payment.#"));
/// ```
pub const fn overlap(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    match (has_hash(left), has_hash(right)) {
        (true, true) => starts_agree(left, right) && ends_agree(left, right),
        (_, false) => covers(left, right, true),
        (false, true) => covers(right, left, true),
    }
}

// A position is the byte offset at which a word starts. The length plus one means that no word is left. So `a.` has two
// words, at 0 and 2, and ends at 3.
const fn first(text: &[u8]) -> usize {
    if text.is_empty() { 1 } else { 0 }
}

const fn next(text: &[u8], start: usize) -> usize {
    word_end(text, start) + 1
}

const fn word_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < text.len() && text[at] != b'.' {
        at += 1;
    }
    at
}

const fn word_start(text: &[u8], end: usize) -> usize {
    let mut at = end;
    while at > 0 && text[at - 1] != b'.' {
        at -= 1;
    }
    at
}

const fn is_word(text: &[u8], start: usize, wildcard: u8) -> bool {
    start < text.len() && text[start] == wildcard && word_end(text, start) == start + 1
}

const fn has_hash(pattern: &[u8]) -> bool {
    let mut at = first(pattern);
    while at <= pattern.len() {
        if is_word(pattern, at, b'#') {
            return true;
        }
        at = next(pattern, at);
    }
    false
}

/// Whether one word can match both words. Neither of them is `#`.
const fn words_overlap(a: &[u8], a_at: usize, b: &[u8], b_at: usize, b_is_pattern: bool) -> bool {
    is_word(a, a_at, b'*') || (b_is_pattern && is_word(b, b_at, b'*')) || same_word(a, a_at, b, b_at)
}

const fn same_word(a: &[u8], a_at: usize, b: &[u8], b_at: usize) -> bool {
    let (a_end, b_end) = (word_end(a, a_at), word_end(b, b_at));
    if a_end - a_at != b_end - b_at {
        return false;
    }
    let mut at = 0;
    while a_at + at < a_end {
        if a[a_at + at] != b[b_at + at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `pattern` matches `other`. In `other`, `#` is not a wildcard.
// When the words after a `#` fit at some position, the earliest position is as good as any later one. So the search
// only ever extends the last `#`, and its time is at most the product of both lengths. The compiler limits the steps of
// a const evaluation.
const fn covers(pattern: &[u8], other: &[u8], other_is_pattern: bool) -> bool {
    let (mut at, mut other_at) = (first(pattern), first(other));
    // The position after the last `#`, and the first word of `other` that this `#` does not include.
    let mut last_hash = None;
    while other_at <= other.len() {
        if is_word(pattern, at, b'#') {
            at = next(pattern, at);
            last_hash = Some((at, other_at));
        } else if at <= pattern.len() && words_overlap(pattern, at, other, other_at, other_is_pattern) {
            at = next(pattern, at);
            other_at = next(other, other_at);
        } else if let Some((after, taken)) = last_hash {
            at = after;
            other_at = next(other, taken);
            last_hash = Some((after, other_at));
        } else {
            return false;
        }
    }
    while is_word(pattern, at, b'#') {
        at = next(pattern, at);
    }
    at > pattern.len()
}

// When both patterns contain a `#`, only the words before their first and after their last `#` decide. A key that
// starts and ends as both require, with the middle words of both in between, matches both.

/// Whether the words before the first `#` of either pattern can be equal. Both contain a `#`.
const fn starts_agree(a: &[u8], b: &[u8]) -> bool {
    let (mut a_at, mut b_at) = (first(a), first(b));
    while !is_word(a, a_at, b'#') && !is_word(b, b_at, b'#') {
        if !words_overlap(a, a_at, b, b_at, true) {
            return false;
        }
        (a_at, b_at) = (next(a, a_at), next(b, b_at));
    }
    true
}

/// Whether the words after the last `#` of either pattern can be equal. Both contain a `#`.
const fn ends_agree(a: &[u8], b: &[u8]) -> bool {
    let (mut a_at, mut b_at) = (word_start(a, a.len()), word_start(b, b.len()));
    while !is_word(a, a_at, b'#') && !is_word(b, b_at, b'#') {
        if !words_overlap(a, a_at, b, b_at, true) {
            return false;
        }
        // A word precedes this one, because the `#` was not reached yet.
        (a_at, b_at) = (word_start(a, a_at - 1), word_start(b, b_at - 1));
    }
    true
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{matches, overlap};

    // The reference implementations try every possibility, word by word.

    fn matches_simply(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], key) => (0..=key.len()).any(|taken| matches_simply(rest, &key[taken..])),
            (["*", rest @ ..], [_, key @ ..]) => matches_simply(rest, key),
            ([word, rest @ ..], [first, key @ ..]) => word == first && matches_simply(rest, key),
            _ => false,
        }
    }

    fn overlap_simply(left: &[&str], right: &[&str]) -> bool {
        match (left, right) {
            ([], []) => true,
            (["#", rest @ ..], _) => {
                overlap_simply(rest, right)
                    || right
                        .split_first()
                        .is_some_and(|(_, right)| overlap_simply(left, right))
            }
            (_, ["#", ..]) => overlap_simply(right, left),
            ([a, left @ ..], [b, right @ ..]) => {
                (a == b || [*a, *b].contains(&"*")) && overlap_simply(left, right)
            }
            _ => false,
        }
    }

    fn words(text: &str) -> Vec<&str> {
        if text.is_empty() {
            Vec::new()
        } else {
            text.split('.').collect()
        }
    }

    fn text(from: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(from), 0..7).prop_map(|words| words.join("."))
    }

    fn pattern() -> impl Strategy<Value = String> {
        text(&["a", "b", "", "*", "#", "a*", "##", "é"])
    }

    proptest! {
        #[test]
        fn matches_agrees_with_the_reference(
            pattern in pattern(), key in text(&["a", "b", "", "*", "#", "a*", "é"]),
        ) {
            prop_assert_eq!(matches(&pattern, &key), matches_simply(&words(&pattern), &words(&key)));
        }

        #[test]
        fn overlap_agrees_with_the_reference(left in pattern(), right in pattern()) {
            prop_assert_eq!(overlap(&left, &right), overlap_simply(&words(&left), &words(&right)));
        }

        #[test]
        fn overlap_is_symmetric_and_follows_from_a_common_key(
            left in pattern(), right in pattern(), key in text(&["a", "b", "", "x"]),
        ) {
            prop_assert_eq!(overlap(&left, &right), overlap(&right, &left));
            prop_assert!(overlap(&left, &right) || !(matches(&left, &key) && matches(&right, &key)));
        }
    }

    #[test]
    fn a_star_matches_exactly_one_word() {
        assert!(matches("*", "a"));
        assert!(!matches("*", ""));
        assert!(!matches("order.*", "order"));
        assert!(!matches("order.*", "order.line.added"));
        assert!(matches("order.*", "order."), "an empty word is a word");
    }

    #[test]
    fn a_hash_matches_any_number_of_words() {
        for key in ["", "a", "a.b", "a..b", "."] {
            assert!(matches("#", key), "{key:?}");
        }
        assert!(matches("order.#", "order"));
        assert!(matches("#.created", "created"));
        assert!(matches("a.#.b.#.c", "a.x.b.c"));
        assert!(!matches("a.#.b", "a.x.c"));
    }

    #[test]
    fn only_a_whole_word_is_a_wildcard() {
        assert!(matches("a*", "a*"));
        assert!(!matches("a*", "ab"));
        assert!(matches("##", "##"));
        assert!(!matches("##", "x"));
    }

    #[test]
    fn wildcards_in_a_key_are_plain_text() {
        assert!(!matches("order.created", "order.*"));
        assert!(matches("order.*", "order.#"));
    }

    /// Every text of at most `longest` of the words.
    fn texts(from: &[&str], longest: usize) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut last: Vec<String> = from.iter().map(|word| (*word).to_owned()).collect();
        for _ in 0..longest {
            texts.extend(last.iter().cloned());
            last = last
                .iter()
                .flat_map(|text| from.iter().map(move |word| format!("{text}.{word}")))
                .collect();
        }
        texts
    }

    #[test]
    fn patterns_of_three_words_overlap_exactly_when_one_key_matches_both() {
        // If any key matches both patterns, then so does a key with at most as many words as both patterns together.
        let keys = texts(&["a", "b"], 6);
        let patterns: Vec<(String, u128)> = texts(&["a", "b", "*", "#"], 3)
            .into_iter()
            .map(|pattern| {
                let matched = keys.iter().enumerate().filter(|(_, key)| {
                    let simply = matches_simply(&words(&pattern), &words(key));
                    assert_eq!(matches(&pattern, key), simply, "{pattern:?} {key:?}");
                    simply
                });
                let matched = matched.fold(0, |matched, (number, _)| matched | 1 << number);
                (pattern, matched)
            })
            .collect();
        for (left, by_left) in &patterns {
            for (right, by_right) in &patterns {
                assert_eq!(
                    overlap(left, right),
                    by_left & by_right != 0,
                    "{left:?} {right:?}"
                );
            }
        }
    }

    /// 127 words, which fill a short string. All are `a` except `others`.
    const fn long<const N: usize>(others: [(usize, u8); N]) -> [u8; 253] {
        let mut text = [b'a'; 253];
        let mut at = 1;
        while at < text.len() {
            text[at] = b'.';
            at += 2;
        }
        at = 0;
        while at < N {
            text[2 * others[at].0] = others[at].1;
            at += 1;
        }
        text
    }

    const fn overlaps(left: &[u8], right: &[u8]) -> bool {
        match (std::str::from_utf8(left), std::str::from_utf8(right)) {
            (Ok(left), Ok(right)) => overlap(left, right),
            _ => panic!("the pattern is not UTF-8"),
        }
    }

    // The macros evaluate these functions at compile time, where the compiler limits the number of steps.
    const PATTERNS: [[u8; 253]; 6] = [
        long([(0, b'#'), (64, b'#'), (126, b'b')]),
        long([(0, b'#'), (64, b'#'), (126, b'c')]),
        long([(1, b'#'), (30, b'#'), (126, b'b')]),
        long([(0, b'b'), (63, b'#'), (65, b'#')]),
        long([(0, b'#'), (100, b'*'), (126, b'b')]),
        long([(0, b'#'), (64, b'b')]),
    ];
    const KEY: [u8; 253] = long([]);
    const AT_COMPILE_TIME: [bool; 7] = [
        overlaps(&PATTERNS[0], &PATTERNS[1]),
        overlaps(&PATTERNS[0], &PATTERNS[2]),
        overlaps(&PATTERNS[2], &PATTERNS[3]),
        overlaps(&PATTERNS[1], &PATTERNS[4]),
        overlaps(&PATTERNS[0], &KEY),
        overlaps(&PATTERNS[5], &KEY),
        overlaps(&PATTERNS[4], &KEY),
    ];

    #[test]
    fn the_longest_patterns_are_compared_within_a_second() {
        assert_eq!(AT_COMPILE_TIME, [false, true, false, false, false, false, false]);
        let started = Instant::now();
        for left in &PATTERNS {
            for right in PATTERNS.iter().chain([&KEY]) {
                assert_eq!(overlaps(left, right), overlaps(right, left));
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
}
