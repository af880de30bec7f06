//! The limits on the messages and bytes in all queues together.

use crate::message::Message;

/// Counts ready and unsettled messages of all queues. A message in two queues counts twice although the queues share
/// its bytes, so the broker never uses more memory than the limit.
#[derive(Debug)]
pub(super) struct Capacity {
    max_messages: usize,
    max_bytes: usize,
    messages: usize,
    bytes: usize,
}

impl Capacity {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            max_messages,
            max_bytes,
            messages: 0,
            bytes: 0,
        }
    }

    /// Whether publishes have to wait. The size of the next message does not count. Otherwise a message larger than the
    /// limit would wait forever.
    pub(super) fn is_full(&self) -> bool {
        self.messages >= self.max_messages || self.bytes >= self.max_bytes
    }

    /// Counts one message that a queue accepted.
    pub(super) fn reserve(&mut self, size: usize) {
        self.messages += 1;
        self.bytes += size;
    }

    /// Reverses [`reserve`](Self::reserve) for one message that left its queue.
    pub(super) fn release(&mut self, size: usize) {
        self.messages -= 1;
        self.bytes -= size;
    }

    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The approximate memory use of a message in bytes.
pub(super) fn size(message: &Message) -> usize {
    const OVERHEAD: usize = 512;
    OVERHEAD + message.body.len() + message.headers.wire_size() + message.routing_key.len()
}
