//! How much the broker holds, and how much it may.

use crate::message::Message;

/// Bounds on what is held over all queues, ready and unsettled. A message in two queues counts twice, though its
/// bytes are shared: a bound that errs does so on the safe side.
#[derive(Debug)]
pub(super) struct Capacity {
    max_messages: usize,
    max_bytes: usize,
    messages: usize,
    bytes: usize,
}

impl Capacity {
    /// Nothing held yet.
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            max_messages,
            max_bytes,
            messages: 0,
            bytes: 0,
        }
    }

    /// Whether there is no room for one more. Asked before a message is taken, so that one larger than all the room
    /// there is does not wait for ever.
    pub(super) fn is_full(&self) -> bool {
        self.messages >= self.max_messages || self.bytes >= self.max_bytes
    }

    /// A queue took a message of this size.
    pub(super) fn hold(&mut self, size: usize) {
        self.messages += 1;
        self.bytes += size;
    }

    /// A queue let go of one.
    pub(super) fn release(&mut self, size: usize) {
        self.messages -= 1;
        self.bytes -= size;
    }

    /// How many messages are held.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// How many bytes they take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// About how many bytes a message takes, its bookkeeping included.
pub(super) fn size(message: &Message) -> usize {
    const BOOKKEEPING: usize = 512;
    BOOKKEEPING + message.body.len() + message.headers.wire_size() + message.routing_key.len()
}
