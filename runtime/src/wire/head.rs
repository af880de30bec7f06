//! Writing the head of an envelope: everything before its data.

use crate::message::timestamp::Timestamp;

/// The members before the data. Absent members are not written.
#[derive(Debug)]
pub(crate) struct EnvelopeHead<'a> {
    pub(crate) id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) timestamp: Timestamp,
    pub(crate) aggregate_id: &'a str,
    pub(crate) correlation_id: &'a str,
    pub(crate) causation_id: Option<&'a str>,
    pub(crate) version: u32,
    pub(crate) source: Option<&'a str>,
}

impl EnvelopeHead<'_> {
    /// Writes the object up to the value of `data`. The caller adds the data and the closing brace.
    ///
    /// The names are written without a serializer, which would check each name for escapes. That check takes longer
    /// than the rest of an envelope. Writing to a vector does not fail in practice.
    pub(crate) fn write(&self, body: &mut Vec<u8>) -> serde_json::Result<()> {
        body.extend_from_slice(b"{\"id\":");
        text(body, self.id)?;
        body.extend_from_slice(b",\"type\":");
        text(body, self.event_type)?;
        body.extend_from_slice(b",\"timestamp\":\"");
        self.timestamp.write(body);
        body.push(b'"');
        if !self.aggregate_id.is_empty() {
            body.extend_from_slice(b",\"aggregateId\":");
            text(body, self.aggregate_id)?;
        }
        body.extend_from_slice(b",\"correlationId\":");
        text(body, self.correlation_id)?;
        if let Some(causation_id) = self.causation_id {
            body.extend_from_slice(b",\"causationId\":");
            text(body, causation_id)?;
        }
        body.extend_from_slice(b",\"version\":");
        serde_json::to_writer(&mut *body, &self.version)?;
        if let Some(source) = self.source {
            body.extend_from_slice(b",\"source\":");
            text(body, source)?;
        }
        body.extend_from_slice(b",\"data\":");
        Ok(())
    }
}

/// Writes a JSON string. The check for escapes has no early exit, so the compiler can vectorize it.
fn text(body: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    let is_escaped = |byte: u8| matches!(byte, 0..b' ' | b'"' | b'\\');
    if text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
        serde_json::to_writer(body, text)?;
    } else {
        body.push(b'"');
        body.extend_from_slice(text.as_bytes());
        body.push(b'"');
    }
    Ok(())
}
