//! W3C trace context: which trace an event is part of (<https://www.w3.org/TR/trace-context/>).

/// A place in a trace: what the headers `traceparent` and `tracestate` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Option<String>,
}
