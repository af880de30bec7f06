//! The routing key of an event, built from a template and the fields of the event.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use crate::message::topic::MAX_BYTES;

/// A field of an event cannot be part of its routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKeyError {
    template: &'static str,
    problem: KeyProblem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyProblem {
    Empty { field: &'static str },
    Forbidden { field: &'static str, found: char },
    TooLong { field: &'static str, bytes: usize },
}

impl RoutingKeyError {
    /// Returns the name of the field.
    pub fn field(&self) -> &'static str {
        match self.problem {
            KeyProblem::Empty { field }
            | KeyProblem::Forbidden { field, .. }
            | KeyProblem::TooLong { field, .. } => field,
        }
    }
}

impl fmt::Display for RoutingKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let template = self.template;
        match &self.problem {
            KeyProblem::Empty { field } => {
                write!(
                    f,
                    "field `{field}` is empty; it fills a word of the routing key \"{template}\""
                )
            }
            KeyProblem::Forbidden { field, found } => write!(
                f,
                "field `{field}` contains `{found}`, which is not allowed in a word of the routing key \"{template}\""
            ),
            KeyProblem::TooLong { field, bytes } => write!(
                f,
                "field `{field}` makes the routing key \"{template}\" {bytes} bytes long; the limit is {MAX_BYTES}"
            ),
        }
    }
}

impl std::error::Error for RoutingKeyError {}

/// Builds a routing key from its template. Generated code calls it for each part.
#[doc(hidden)]
#[derive(Debug)]
pub struct RoutingKeyBuilder {
    template: &'static str,
    key: String,
    longest: (&'static str, usize),
}

impl RoutingKeyBuilder {
    /// Starts a routing key.
    pub fn new(template: &'static str) -> Self {
        Self {
            template,
            key: String::with_capacity(template.len() + 16),
            longest: ("", 0),
        }
    }

    /// Adds literal text of the template.
    pub fn text(mut self, text: &str) -> Self {
        self.key.push_str(text);
        self
    }

    /// Adds the value of a field as one word.
    ///
    /// # Errors
    /// When the value is empty, or contains `.`, `*` or `#`.
    pub fn field(mut self, field: &'static str, word: &dyn Display) -> Result<Self, RoutingKeyError> {
        let from = self.key.len();
        // Writing to a `String` fails only when the `Display` of the value fails. The key then keeps what was written.
        let _ = write!(self.key, "{word}");
        let word = &self.key[from..];
        if word.is_empty() {
            return Err(self.error(KeyProblem::Empty { field }));
        }
        if let Some(found) = word.chars().find(|c| matches!(c, '.' | '*' | '#')) {
            return Err(self.error(KeyProblem::Forbidden { field, found }));
        }
        if word.len() > self.longest.1 {
            self.longest = (field, word.len());
        }
        Ok(self)
    }

    /// Returns the routing key.
    ///
    /// # Errors
    /// When the key is longer than 255 bytes. The error names the longest field.
    pub fn finish(self) -> Result<Cow<'static, str>, RoutingKeyError> {
        if self.key.len() > MAX_BYTES {
            return Err(self.error(KeyProblem::TooLong {
                field: self.longest.0,
                bytes: self.key.len(),
            }));
        }
        Ok(Cow::Owned(self.key))
    }

    fn error(&self, problem: KeyProblem) -> RoutingKeyError {
        RoutingKeyError {
            template: self.template,
            problem,
        }
    }
}

/// A value that can fill a word of a routing key: anything that implements `Display`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill a word of a routing key: it does not implement `Display`",
    label = "no `Display`",
    note = "a word is one text without dots; name a field whose text is that, or implement `Display` for `{Self}`"
)]
pub trait KeyWord {
    /// Returns the value as a `Display`.
    fn word(&self) -> &dyn Display;
}

#[diagnostic::do_not_recommend]
impl<T: Display> KeyWord for T {
    fn word(&self) -> &dyn Display {
        self
    }
}
