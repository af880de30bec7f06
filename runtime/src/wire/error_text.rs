//! Error texts for headers and logs.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::handler::error;
use crate::message::shown::shown_error;

/// The limit of an error text in a header.
pub(crate) const MAX_BYTES: usize = 2048;

/// Removes secrets from an error text.
pub(crate) type Redact<'a> = &'a (dyn Fn(&str) -> String + Send + Sync);

/// An error and its causes, one per line. A cause that the error above repeats is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    join(error, ToString::to_string)
}

/// As [`chain`], for logs and health: without the values of an event, which serde quotes.
pub(crate) fn chain_without_data(error: &(dyn StdError + 'static)) -> String {
    join(error, |cause| match cause.downcast_ref::<serde_json::Error>() {
        Some(error) if error.is_data() => without_data(error),
        _ => cause.to_string(),
    })
}

fn join(error: &(dyn StdError + 'static), to_text: impl Fn(&(dyn StdError + 'static)) -> String) -> String {
    // More than any real chain. A `source` that returns itself would otherwise loop forever.
    const MAX_CAUSES: usize = 32;
    let mut text = String::new();
    for cause in error::chain(error).take(1 + MAX_CAUSES) {
        let cause = to_text(cause);
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push('\n');
            text.push_str(&cause);
        }
    }
    text
}

/// The text of serde without the value that it found.
// invalid type: string "4111 1111", expected u64 at line 1 column 18
// unknown variant `4111 1111`, expected `visa` or `other` at line 1 column 18
// missing field `number` at line 1 column 18
fn without_data(error: &serde_json::Error) -> String {
    const OF_TYPE: [&str; 3] = [
        "missing field",
        "duplicate field",
        "data did not match any variant",
    ];
    const WITH_VALUE: [&str; 5] = [
        "invalid type",
        "invalid value",
        "invalid length",
        "unknown variant",
        "unknown field",
    ];
    let text = error.to_string();
    if OF_TYPE.iter().any(|kind| text.starts_with(kind)) {
        return text;
    }
    let kind = WITH_VALUE.iter().find(|kind| text.starts_with(**kind));
    match (kind, text.rsplit_once(", expected ")) {
        (Some(kind), Some((_, expected))) => format!("{kind}, expected {expected}"),
        // The text of another `Deserialize`, which can quote the value in any form.
        _ => format!(
            "a value is not valid at line {} column {}",
            error.line(),
            error.column()
        ),
    }
}

/// As [`chain_without_data`], but on one line.
pub(crate) fn one_line(error: &(dyn StdError + 'static)) -> String {
    shown_error(&chain_without_data(error)).to_string()
}

/// The text without secrets. When the hook panics, the text is dropped and the consumer continues.
pub(crate) fn redacted(text: &str, redact: Option<Redact<'_>>) -> String {
    match redact {
        None => text.to_owned(),
        Some(redact) => catch_unwind(AssertUnwindSafe(|| redact(text)))
            .unwrap_or_else(|_| "the error's text is left out: the redaction hook panicked".to_owned()),
    }
}

/// The text for a header. It is redacted before it is cut, so that a secret at the cut is found.
pub(crate) fn for_header(text: &str, redact: Option<Redact<'_>>) -> String {
    let mut text = redacted(text, redact);
    cut(&mut text, MAX_BYTES);
    text
}

/// Cuts `text` to at most `bytes` bytes. Ends it with `…` when there is room.
pub(crate) fn cut(text: &mut String, bytes: usize) {
    const MARK: char = '…';
    if text.len() <= bytes {
        return;
    }
    let marked = bytes >= MARK.len_utf8();
    text.truncate(text.floor_char_boundary(bytes - if marked { MARK.len_utf8() } else { 0 }));
    if marked {
        text.push(MARK);
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    #[expect(dead_code, reason = "nothing is decoded")]
    enum Card {
        Visa { number: u8 },
        Other,
    }

    fn logged<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        one_line(&serde_json::from_str::<T>(json).unwrap_err())
    }

    #[test]
    fn the_text_for_a_log_has_no_value_of_the_event() {
        for (text, expected) in [
            (
                logged::<u8>(r#""4111""#),
                "invalid type, expected u8 at line 1 column 6",
            ),
            (
                logged::<u8>("4111"),
                "invalid value, expected u8 at line 1 column 4",
            ),
            (
                logged::<u8>(r#""4111, expected 4111""#),
                "invalid type, expected u8 at line 1 column 21",
            ),
            (
                logged::<Card>(r#""4111""#),
                "unknown variant, expected `visa` or `other` at line 1 column 6",
            ),
            (
                logged::<Card>(r#"{"visa":{"4111":1}}"#),
                "unknown field, expected `number` at line 1 column 15",
            ),
            (
                logged::<Card>(r#"{"visa":{}}"#),
                "missing field `number` at line 1 column 10",
            ),
            (
                logged::<std::net::IpAddr>(r#""4111""#),
                "a value is not valid at line 1 column 6",
            ),
            (
                logged::<serde_json::Value>("{4111"),
                "key must be a string at line 1 column 2",
            ),
        ] {
            assert_eq!(text, expected);
        }
    }
}
