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
    // More than any real chain. A `source` that returns itself would otherwise loop forever.
    const MAX_CAUSES: usize = 32;
    let mut text = String::new();
    for cause in error::chain(error).take(1 + MAX_CAUSES) {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push('\n');
            text.push_str(&cause);
        }
    }
    text
}

/// As [`chain`], but on one line, for logs and health.
pub(crate) fn one_line(error: &(dyn StdError + 'static)) -> String {
    shown_error(&chain(error)).to_string()
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
