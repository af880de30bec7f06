//! How large and how deep an event may be.

/// What is refused both ways: a publish error when writing, a dead letter when reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "each is called as the bus's setting is")]
pub(crate) struct Limits {
    /// The most bytes of a body.
    pub(crate) max_body_bytes: usize,
    /// The most levels of arrays and objects in a body, the envelope's own included.
    pub(crate) max_depth: usize,
    /// The most bytes of headers. They travel in one frame with the other properties, which take at most 255 bytes
    /// each; the broker closes the connection on a frame that is too large, and the client does not check.
    pub(crate) max_header_bytes: usize,
}

/// The broker's default frame, less its own eight bytes.
const FRAME_BYTES: usize = 131_064;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            // serde_json's own recursion limit: what is deeper could be sent and never decoded.
            max_depth: 128,
            max_header_bytes: FRAME_BYTES - 4096,
        }
    }
}

impl Limits {
    /// The byte that opens one level too many, when there is one.
    ///
    /// The scan is linear and keeps no stack: raw JSON is skipped without a recursion limit, so nothing else would
    /// stop a body of a million brackets before a user's type meets it. On text that is no JSON its answer means
    /// nothing, and the parser says so next.
    pub(crate) fn too_deep_at(&self, json: &[u8]) -> Option<usize> {
        // Nearly every body has fewer brackets than levels are allowed, in strings or out of them: counting them takes
        // a hundredth of the time of following them.
        if openings(json) <= self.max_depth {
            return None;
        }
        let mut depth = 0_usize;
        let mut at = 0;
        while at < json.len() {
            match json[at] {
                b'"' => at = string_end(json, at),
                b'[' | b'{' => {
                    depth += 1;
                    if depth > self.max_depth {
                        return Some(at);
                    }
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        None
    }
}

/// How many brackets open, those in strings included. Each part is counted in a byte, so that the compiler counts many
/// at a time.
fn openings(json: &[u8]) -> usize {
    json.chunks(usize::from(u8::MAX))
        .map(|part| {
            let opens = part.iter().map(|byte| u8::from(matches!(byte, b'[' | b'{')));
            usize::from(opens.sum::<u8>())
        })
        .sum()
}

/// The closing quote of the string that opens at `at`.
fn string_end(json: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn exactly_the_most_levels_are_allowed() {
        let limits = Limits::default();
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(limits.too_deep_at(deep(128).as_bytes()), None);
        assert_eq!(limits.too_deep_at(deep(129).as_bytes()), Some(128));
        let wide = format!("[{}[]]", "[[]],".repeat(1000));
        assert_eq!(limits.too_deep_at(wide.as_bytes()), None);
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let limits = Limits {
            max_depth: 2,
            ..Limits::default()
        };
        assert_eq!(limits.too_deep_at(br#"{"a":["[[[{{{\"[[[\\"]}"#), None);
        assert_eq!(limits.too_deep_at(br#"{"a":["\\",[]]}"#), Some(11));
        assert_eq!(limits.too_deep_at(br#"["cut off \"#), None);
    }
}
