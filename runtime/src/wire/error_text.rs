//! What an attempt failed with, as the text that travels in a header.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most bytes of error text in a header.
pub(crate) const MAX_BYTES: usize = 2048;

/// Takes secrets out of an error's text.
pub(crate) type Redact<'a> = &'a (dyn Fn(&str) -> String + Send + Sync);

/// An error and its causes, each on a line of its own.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    // More than any real chain; a `source` that answers with itself must not go on for ever.
    const MOST_CAUSES: usize = 32;
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()).take(MOST_CAUSES) {
        // Writing to a String fails only when the cause's own Display does, and then the line stays as far as it got.
        let _ = write!(text, "\n{cause}");
    }
    text
}

/// The text after redaction, cut to [`MAX_BYTES`]. Redaction comes first: a secret across the cut is still found.
pub(crate) fn redacted(text: &str, redact: Option<Redact<'_>>) -> String {
    let mut text = match redact {
        None => text.to_owned(),
        // A hook that panics must neither let the secret through nor take the consumer with it.
        Some(redact) => catch_unwind(AssertUnwindSafe(|| redact(text)))
            .unwrap_or_else(|_| "the error's text is left out: the redaction hook panicked".to_owned()),
    };
    cut(&mut text, MAX_BYTES);
    text
}

/// Cuts `text` to at most `bytes` bytes, and marks the cut where there is room for the mark.
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
