//! Text that came over the wire, or from a user, as logs, health and errors show it: escaped and cut.

use std::fmt::{self, Write};

/// The limit of a name, an id or a value, in bytes.
const NAME_BYTES: usize = 256;
/// The limit of an error text, in bytes.
const ERROR_BYTES: usize = 2048;

/// A text without line breaks, control characters and characters that change the direction of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    text: &'a str,
    max_bytes: usize,
    line_break: Option<&'static str>,
}

/// A name, an id or a value.
pub(crate) fn shown(text: &str) -> Shown<'_> {
    Shown {
        text,
        max_bytes: NAME_BYTES,
        line_break: None,
    }
}

/// The text of an error, which may contain names that are cut already. Its causes are on lines of their own.
pub(crate) fn shown_error(text: &str) -> Shown<'_> {
    Shown {
        text,
        max_bytes: ERROR_BYTES,
        line_break: Some(": "),
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.max_bytes;
        for c in self.text.chars() {
            let bytes = if is_plain(c) {
                c.len_utf8()
            } else {
                c.escape_debug().count()
            };
            let Some(rest) = left.checked_sub(bytes) else {
                return f.write_char('…');
            };
            left = rest;
            match self.line_break {
                Some(line_break) if c == '\n' => f.write_str(line_break)?,
                _ if is_plain(c) => f.write_char(c)?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// Whether a character is printed as it is. A combining mark is printed after a letter, so it is checked there.
fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    let mut after_letter = [b'a', 0, 0, 0, 0];
    let end = 1 + c.encode_utf8(&mut after_letter[1..]).len();
    std::str::from_utf8(&after_letter[..end]).is_ok_and(|text| text.escape_debug().count() == 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_text_is_shown_as_it_is() {
        for text in [
            "order.created",
            r#"a "b" \ 'c'"#,
            "żółw",
            "हिन्दी",
            "注文",
            "€ 3 – 4 …",
            "👍",
        ] {
            assert_eq!(shown(text).to_string(), text);
        }
    }

    #[test]
    fn characters_that_forge_or_reverse_a_line_are_escaped() {
        let forged = "a\nINFO b\r\t\u{1b}[31m\u{202e}\u{2066}\u{2028}\u{feff}\0";
        assert_eq!(
            shown(forged).to_string(),
            r"a\nINFO b\r\t\u{1b}[31m\u{202e}\u{2066}\u{2028}\u{feff}\0"
        );
        assert_eq!(
            shown_error("cannot pay\nno answer").to_string(),
            "cannot pay: no answer"
        );
    }

    proptest! {
        #[test]
        fn a_shown_text_is_one_short_line(text in any::<String>(), times in 1..20_usize) {
            for shown in [shown(&text.repeat(times)), shown_error(&text.repeat(times))] {
                let line = shown.to_string();
                prop_assert!(line.len() <= shown.max_bytes + '…'.len_utf8() + text.matches('\n').count() * times);
                prop_assert!(line.chars().all(is_plain), "{line:?}");
            }
        }
    }
}
