//! Routing keys and patterns: which keys a pattern matches, and whether two patterns can ever meet.
//!
//! Everything here is `const`, so that the macros prove with it what the brokers later do with it.
//! The rules are RabbitMQ's topic exchange's, the odd corners included
//! (<https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-topic>): words are parted by dots, the empty key
//! has no word, an empty word between dots is a word, and only a whole word can be a wildcard.

/// The longest routing key or pattern in bytes: AMQP 0-9-1 writes both as a *short string*.
pub const MAX_BYTES: usize = 255;

/// Tells whether `pattern` matches the routing key `key`.
///
/// `*` stands for exactly one word, an empty one too; `#` for zero or more. In the key both are plain text.
///
/// ```
/// use tidings::topic::matches;
/// assert!(matches("order.*", "order.created"));
/// assert!(matches("order.#", "order"));
/// assert!(!matches("order.*", "order"));
/// ```
pub const fn matches(pattern: &str, key: &str) -> bool {
    meet(
        pattern.as_bytes(),
        first(pattern),
        key.as_bytes(),
        first(key),
        false,
    )
}

/// Tells whether some routing key is matched by both patterns.
///
/// ```
/// use tidings::topic::overlap;
/// assert!(overlap("order.*", "*.created"));
/// assert!(!overlap("order.*", "payment.#"));
/// ```
pub const fn overlap(left: &str, right: &str) -> bool {
    meet(left.as_bytes(), first(left), right.as_bytes(), first(right), true)
}

// A position is the offset at which a word starts; one past the length means that no word is left. So `a.` has two
// words, at 0 and 2, and its end is 3.
const fn first(text: &str) -> usize {
    if text.is_empty() { 1 } else { 0 }
}

const fn word_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < text.len() && text[at] != b'.' {
        at += 1;
    }
    at
}

const fn is_word(text: &[u8], start: usize, wildcard: u8) -> bool {
    start < text.len() && text[start] == wildcard && word_end(text, start) == start + 1
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

const fn meet(a: &[u8], a_at: usize, b: &[u8], b_at: usize, b_is_pattern: bool) -> bool {
    let (a_over, b_over) = (a_at > a.len(), b_at > b.len());
    if a_over && b_over {
        return true;
    }
    if !a_over && is_word(a, a_at, b'#') {
        return meet(a, word_end(a, a_at) + 1, b, b_at, b_is_pattern)
            || (!b_over && meet(a, a_at, b, word_end(b, b_at) + 1, b_is_pattern));
    }
    if b_is_pattern && !b_over && is_word(b, b_at, b'#') {
        return meet(a, a_at, b, word_end(b, b_at) + 1, b_is_pattern)
            || (!a_over && meet(a, word_end(a, a_at) + 1, b, b_at, b_is_pattern));
    }
    if a_over || b_over {
        return false;
    }
    let wild = is_word(a, a_at, b'*') || (b_is_pattern && is_word(b, b_at, b'*'));
    (wild || same_word(a, a_at, b, b_at))
        && meet(a, word_end(a, a_at) + 1, b, word_end(b, b_at) + 1, b_is_pattern)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{matches, overlap};

    /// Word by word, every way to share the key among the pattern: too simple to be wrong.
    fn matches_simply(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], key) => (0..=key.len()).any(|taken| matches_simply(rest, &key[taken..])),
            (["*", rest @ ..], [_, key @ ..]) => matches_simply(rest, key),
            ([word, rest @ ..], [first, key @ ..]) => word == first && matches_simply(rest, key),
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
        fn a_pattern_matches_what_a_simple_matcher_says(
            pattern in pattern(), key in text(&["a", "b", "", "*", "#", "a*", "é"]),
        ) {
            prop_assert_eq!(matches(&pattern, &key), matches_simply(&words(&pattern), &words(&key)));
        }

        #[test]
        fn patterns_overlap_whichever_comes_first_and_always_when_they_match_one_key(
            left in pattern(), right in pattern(), key in text(&["a", "b", "", "x"]),
        ) {
            prop_assert_eq!(overlap(&left, &right), overlap(&right, &left));
            prop_assert!(overlap(&left, &right) || !(matches(&left, &key) && matches(&right, &key)));
        }
    }

    #[test]
    fn a_star_is_exactly_one_word_and_never_none() {
        assert!(matches("*", "a"));
        assert!(!matches("*", ""));
        assert!(!matches("order.*", "order"));
        assert!(!matches("order.*", "order.line.added"));
        assert!(matches("order.*", "order."), "an empty word is a word");
    }

    #[test]
    fn a_hash_is_any_number_of_words() {
        for key in ["", "a", "a.b", "a..b", "."] {
            assert!(matches("#", key), "{key:?}");
        }
        assert!(matches("order.#", "order"));
        assert!(matches("#.created", "created"));
        assert!(matches("a.#.b.#.c", "a.x.b.c"));
        assert!(!matches("a.#.b", "a.x.c"));
    }

    #[test]
    fn only_whole_words_of_a_pattern_are_wildcards() {
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

    #[test]
    fn patterns_overlap_when_one_key_satisfies_both() {
        assert!(overlap("order.*", "order.created"));
        assert!(overlap("#", ""));
        assert!(overlap("*.created.#", "order.#"));
        assert!(!overlap("*", ""));
        assert!(!overlap("order.*.paid", "order.paid"));
        assert!(!overlap("order.created", "order.created.*"));
    }
}
