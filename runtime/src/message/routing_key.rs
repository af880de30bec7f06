//! The routing key of one event, built from its template's text and fields.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use crate::message::topic::MAX_BYTES;

/// Why an event has no routing key: one of its fields cannot stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKeyError {
    template: &'static str,
    fault: KeyProblem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyProblem {
    Empty { field: &'static str },
    Forbidden { field: &'static str, found: char },
    TooLong { field: &'static str, bytes: usize },
}

impl RoutingKeyError {
    /// The field that breaks the key.
    pub fn field(&self) -> &'static str {
        match self.fault {
            KeyProblem::Empty { field }
            | KeyProblem::Forbidden { field, .. }
            | KeyProblem::TooLong { field, .. } => field,
        }
    }
}

impl fmt::Display for RoutingKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let template = self.template;
        match &self.fault {
            KeyProblem::Empty { field } => {
                write!(
                    f,
                    "field `{field}` is empty; it fills a word of the routing key \"{template}\""
                )
            }
            KeyProblem::Forbidden { field, found } => write!(
                f,
                "field `{field}` holds `{found}`, which cannot stand in a word of the routing key \"{template}\""
            ),
            KeyProblem::TooLong { field, bytes } => write!(
                f,
                "field `{field}` makes the routing key \"{template}\" {bytes} bytes long; {MAX_BYTES} is the most"
            ),
        }
    }
}

impl std::error::Error for RoutingKeyError {}

/// Builds a key from its template; the derive calls it piece by piece.
#[doc(hidden)]
#[derive(Debug)]
pub struct RoutingKeyBuilder {
    template: &'static str,
    key: String,
    longest: (&'static str, usize),
}

impl RoutingKeyBuilder {
    /// Starts a key of the template `template`.
    pub fn new(template: &'static str) -> Self {
        Self {
            template,
            key: String::with_capacity(template.len() + 16),
            longest: ("", 0),
        }
    }

    /// Adds the template's own text.
    pub fn text(mut self, text: &str) -> Self {
        self.key.push_str(text);
        self
    }

    /// Adds a field as (a part of) one word.
    ///
    /// # Errors
    /// When the field is empty or holds what would break the key.
    pub fn field(mut self, field: &'static str, word: &dyn Display) -> Result<Self, RoutingKeyError> {
        let from = self.key.len();
        // Writing to a String fails only when the value's own Display does, and then the word stays as far as it got.
        let _ = write!(self.key, "{word}");
        let word = &self.key[from..];
        if word.is_empty() {
            return Err(RoutingKeyError {
                template: self.template,
                fault: KeyProblem::Empty { field },
            });
        }
        if let Some(found) = word.chars().find(|c| matches!(c, '.' | '*' | '#')) {
            return Err(RoutingKeyError {
                template: self.template,
                fault: KeyProblem::Forbidden { field, found },
            });
        }
        if word.len() > self.longest.1 {
            self.longest = (field, word.len());
        }
        Ok(self)
    }

    /// The key.
    ///
    /// # Errors
    /// When it is longer than AMQP allows; the longest field is named.
    pub fn finish(self) -> Result<Cow<'static, str>, RoutingKeyError> {
        if self.key.len() > MAX_BYTES {
            let fault = KeyProblem::TooLong {
                field: self.longest.0,
                bytes: self.key.len(),
            };
            return Err(RoutingKeyError {
                template: self.template,
                fault,
            });
        }
        Ok(Cow::Owned(self.key))
    }
}

/// What can fill a word of a routing key: anything that has a text.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill a word of a routing key: it does not implement `Display`",
    label = "no `Display`",
    note = "a word is one text without dots; name a field whose text is that, or implement `Display` for `{Self}`"
)]
pub trait KeyWord {
    /// What writes its text.
    fn word(&self) -> &dyn Display;
}

#[diagnostic::do_not_recommend]
impl<T: Display> KeyWord for T {
    fn word(&self) -> &dyn Display {
        self
    }
}
