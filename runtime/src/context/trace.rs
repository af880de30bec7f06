use uuid::Uuid;

use crate::message::headers::{HeaderValue, Headers};

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// The limit of W3C Trace Context.
const MAX_MEMBERS: usize = 32;
const SAMPLED: u8 = 1;

/// A position in a distributed trace: the content of the headers `traceparent` and `tracestate`
/// ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).
///
/// ```
/// use tidings::TraceContext;
/// let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("vendor=1")).unwrap();
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.child().trace_id(), trace.trace_id());
/// assert_ne!(trace.child().span_id(), trace.span_id());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Option<String>,
}

impl TraceContext {
    /// Parses the values of the two headers. Returns `None` when `traceparent` is invalid. An invalid `tracestate` is
    /// ignored.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let (trace_id, parent_id, flags) = parse_parent(traceparent)?;
        Some(Self {
            trace_id,
            parent_id,
            flags,
            state: tracestate.and_then(parse_state),
        })
    }

    /// Parses the two headers of a message. The case of their names does not matter.
    pub fn from_headers(headers: &Headers) -> Option<Self> {
        Self::parse(text(headers, TRACEPARENT)?, text(headers, TRACESTATE))
    }

    /// Starts a new trace.
    ///
    /// The trace is marked as sampled. Otherwise a later service that samples like its parent would record nothing.
    pub fn new_root() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            parent_id: new_span_id(),
            flags: SAMPLED,
            state: None,
        }
    }

    /// Creates a new span in the same trace.
    pub fn child(&self) -> Self {
        Self {
            parent_id: new_span_id(),
            ..self.clone()
        }
    }

    /// Returns the id of the trace as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Returns the id of the span as 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.parent_id)
    }

    /// Returns the flag `sampled`: whether the caller may have recorded the trace.
    pub fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the value of the header `traceparent`, in version 00.
    pub fn traceparent(&self) -> String {
        // Version 00 defines only the flag `sampled`. The others must be zero.
        let flags = self.flags & SAMPLED;
        format!("00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.parent_id)
    }

    /// Returns the value of the header `tracestate`, or `None` when there is none.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// 64 random bits, never zero. The fixed bits of a random UUID differ in position between its halves, so XOR makes all
/// bits random.
fn new_span_id() -> u64 {
    loop {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        if high != low {
            return high ^ low;
        }
    }
}

fn text<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let (_, value) = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    match value {
        HeaderValue::Text(text) => Some(text),
        HeaderValue::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

// 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
// cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-fields of a later version
fn parse_parent(text: &str) -> Option<(u128, u64, u8)> {
    let bytes = text.as_bytes();
    if bytes.len() < 55 || [bytes[2], bytes[35], bytes[52]] != *b"---" {
        return None;
    }
    let version = hex(&bytes[0..2])?;
    let has_valid_end = match version {
        0x00 => bytes.len() == 55,
        0xff => false,
        _ => bytes.get(55).is_none_or(|next| *next == b'-'),
    };
    let trace_id = hex(&bytes[3..35]).filter(|id| *id != 0)?;
    let parent_id = hex(&bytes[36..52]).filter(|id| *id != 0)?;
    let flags = hex(&bytes[53..55])?;
    has_valid_end.then_some((
        trace_id,
        u64::try_from(parent_id).ok()?,
        u8::try_from(flags).ok()?,
    ))
}

/// Accepts lower case only. `from_str_radix` would also accept upper case and a sign.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

// vendor=value,tenant@vendor=value
fn parse_state(text: &str) -> Option<String> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in text.split(',') {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let known = members.iter().any(|(other, _)| *other == key);
        if known || members.len() == MAX_MEMBERS || !is_key(key) || !is_value(value) {
            return None;
        }
        members.push((key, value));
    }
    let members: Vec<String> = members
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!members.is_empty()).then(|| members.join(","))
}

fn is_key(key: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_more = |byte: &u8| is_first(byte) || b"_-*/@".contains(byte);
    key.len() <= 256 && key.as_bytes().first().is_some_and(is_first) && key.as_bytes().iter().all(is_more)
}

fn is_value(value: &str) -> bool {
    let is_printable = |byte: &u8| (0x20..=0x7e).contains(byte) && !matches!(byte, b',' | b'=');
    !value.is_empty()
        && value.len() <= 256
        && !value.ends_with(' ')
        && value.as_bytes().iter().all(is_printable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::TraceContext;
    use crate::message::headers::{HeaderValue, Headers};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn state(text: &str) -> Option<String> {
        TraceContext::parse(PARENT, Some(text))
            .expect("an invalid tracestate does not affect traceparent")
            .tracestate()
            .map(ToOwned::to_owned)
    }

    #[test]
    fn a_traceparent_is_written_unchanged() {
        let trace = TraceContext::parse(PARENT, None).unwrap();
        assert_eq!(trace.traceparent(), PARENT);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.span_id(), "00f067aa0ba902b7");
        assert!(trace.sampled());
        assert_eq!(trace.tracestate(), None);
    }

    #[test]
    fn a_later_version_is_parsed_by_its_first_55_characters_and_written_as_00() {
        let later = PARENT.replacen("00", "cc", 1);
        for text in [later.clone(), format!("{later}-"), format!("{later}-what-is-new")] {
            assert_eq!(
                TraceContext::parse(&text, None).unwrap().traceparent(),
                PARENT,
                "{text}"
            );
        }
        assert_eq!(TraceContext::parse(&format!("{later}.new"), None), None);
    }

    #[test]
    fn flags_that_version_00_does_not_define_are_written_as_zero() {
        let text = PARENT.replace("-01", "-ff");
        assert_eq!(TraceContext::parse(&text, None).unwrap().traceparent(), PARENT);
        let text = PARENT.replace("-01", "-02");
        assert!(!TraceContext::parse(&text, None).unwrap().sampled());
    }

    #[test]
    fn an_invalid_traceparent_is_no_trace() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text, Some("vendor=1")), None, "{text:?}");
        }
    }

    #[test]
    fn a_tracestate_keeps_its_members_in_order() {
        for (text, kept) in [
            ("vendor=1", "vendor=1"),
            (" a=1 ,\tb=2\t,, c=3 ", "a=1,b=2,c=3"),
            ("0tenant@vendor=x", "0tenant@vendor=x"),
            ("a_-*/@=v", "a_-*/@=v"),
            ("a= leading spaces stay", "a= leading spaces stay"),
        ] {
            assert_eq!(state(text).as_deref(), Some(kept), "{text}");
        }
    }

    #[test]
    fn an_invalid_tracestate_is_ignored() {
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
        let long = format!("{}=v", "k".repeat(257));
        let long_value = format!("k={}", "v".repeat(257));
        for text in [
            "",
            ",",
            "a",
            "a=",
            "=v",
            "A=1",
            "_a=1",
            "a b=1",
            "a=b=c",
            "a=1,a=2",
            "a=é",
            "a=\u{7f}",
            &long,
            &long_value,
            &many.join(","),
        ] {
            assert_eq!(state(text), None, "{text:?}");
        }
        assert_eq!(state(&many[..32].join(",")), Some(many[..32].join(",")));
        assert!(state(&format!("{}=v", "k".repeat(256))).is_some());
        assert!(state(&format!("k={}", "v".repeat(256))).is_some());
    }

    #[test]
    fn the_case_of_header_names_does_not_matter() {
        let mut headers = Headers::new();
        assert_eq!(TraceContext::from_headers(&headers), None);
        headers.set("TraceParent", PARENT);
        headers.set("TRACESTATE", HeaderValue::Bytes(b"vendor=1".to_vec()));
        let trace = TraceContext::from_headers(&headers).unwrap();
        assert_eq!(
            (trace.traceparent().as_str(), trace.tracestate()),
            (PARENT, Some("vendor=1"))
        );
        headers.set("TraceParent", 7_i64);
        assert_eq!(TraceContext::from_headers(&headers), None);
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let trace = TraceContext::parse(PARENT, Some("vendor=1")).unwrap();
        let child = trace.child();
        assert_eq!(child.trace_id(), trace.trace_id());
        assert_eq!(child.tracestate(), trace.tracestate());
        assert_eq!(child.sampled(), trace.sampled());
        assert_ne!(child.span_id(), trace.span_id());
    }

    #[test]
    fn a_root_is_a_new_trace() {
        let (one, other) = (TraceContext::new_root(), TraceContext::new_root());
        assert_ne!(one.trace_id(), other.trace_id());
        assert_eq!(TraceContext::parse(&one.traceparent(), None), Some(one));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(parent in any::<String>(), state in any::<Option<String>>()) {
            let _ = TraceContext::parse(&parent, state.as_deref());
            let _ = TraceContext::parse(PARENT, state.as_deref());
        }

        #[test]
        fn a_parsed_trace_is_written_and_parsed_again(parent in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?") {
            if let Some(trace) = TraceContext::parse(&parent, None) {
                let again = TraceContext::parse(&trace.traceparent(), None).unwrap();
                prop_assert_eq!(again.traceparent(), trace.traceparent());
            }
        }
    }
}
