//! The limits of the wire format: sizes and depth.

/// Limits that apply to both directions: exceeding one is a publish error when writing, a dead letter when reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "each has the name of the setting on the bus"
)]
pub(crate) struct Limits {
    pub(crate) max_body_bytes: usize,
    /// The depth of arrays and objects in a body, including the level of the envelope itself.
    pub(crate) max_depth: usize,
    /// Set by [`fit_into_frame`](Self::fit_into_frame). The broker closes the connection when a frame is too large, and
    /// the AMQP client does not check.
    pub(crate) max_header_bytes: usize,
}

/// RabbitMQ's default frame size.
const FRAME_BYTES: usize = 131_072;

/// The bytes of a frame that headers must not use: eight of the frame itself, and at most 255 of each other property.
const NOT_FOR_HEADERS: usize = 8 + 4096;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            // The recursion limit of serde_json: deeper JSON could be published, but never decoded.
            max_depth: 128,
            max_header_bytes: FRAME_BYTES - NOT_FOR_HEADERS,
        }
    }
}

impl Limits {
    /// Limits the headers to what fits into a frame of `frame_max` bytes. A larger frame than RabbitMQ's default does not
    /// raise the limit, because other consumers may not accept it.
    pub(crate) fn fit_into_frame(self, frame_max: u32) -> Self {
        let frame_max = usize::try_from(frame_max).unwrap_or(usize::MAX);
        Self {
            max_header_bytes: frame_max.min(FRAME_BYTES).saturating_sub(NOT_FOR_HEADERS),
            ..self
        }
    }

    /// The position of the bracket that exceeds the depth limit.
    ///
    /// `serde_json` skips raw JSON without a recursion limit. Without this check, a body of a million brackets would
    /// reach the user's types. For text that is not JSON the result has no meaning; the parser then reports the error.
    pub(crate) fn too_deep_at(&self, json: &[u8]) -> Option<usize> {
        // Almost every body has fewer brackets than the limit allows levels. Counting them takes a hundredth of the
        // time of tracking the depth.
        if count_openings(json) <= self.max_depth {
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

/// Counts the opening brackets, also in strings. Each chunk is counted in a `u8`, which the compiler vectorizes.
fn count_openings(json: &[u8]) -> usize {
    json.chunks(usize::from(u8::MAX))
        .map(|chunk| {
            let opens = chunk.iter().map(|byte| u8::from(matches!(byte, b'[' | b'{')));
            usize::from(opens.sum::<u8>())
        })
        .sum()
}

/// The position of the closing quote of the string that starts at `at`.
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
    fn json_at_the_depth_limit_is_allowed() {
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
