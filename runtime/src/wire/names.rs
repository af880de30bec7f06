//! The names of our own headers.

/// What all of them start with.
pub(crate) const PREFIX: &str = "tidings-";

/// Which attempt a retry is, from 2.
pub(crate) const ATTEMPT: &str = "tidings-attempt";
/// How many attempts a dead letter had. Another name than [`ATTEMPT`], so that a redriven dead letter starts at 1.
pub(crate) const ATTEMPTS: &str = "tidings-attempts";
/// How often a delivery had come back unsettled when it was set aside, as one that may end its process.
pub(crate) const RETURNS: &str = "tidings-returns";
/// When the first attempt was received.
pub(crate) const FIRST_RECEIVED_AT: &str = "tidings-first-received-at";
/// What the attempt failed with.
pub(crate) const ERROR: &str = "tidings-error";
/// The service that sent it on.
pub(crate) const SERVICE: &str = "tidings-service";
/// The handler that failed.
pub(crate) const HANDLER: &str = "tidings-handler";
/// The handler's queue.
pub(crate) const QUEUE: &str = "tidings-queue";

/// Why it was given up on.
pub(crate) const DEAD_LETTER_REASON: &str = "tidings-dead-letter-reason";
/// When it was given up on.
pub(crate) const DEAD_LETTERED_AT: &str = "tidings-dead-lettered-at";
/// The headers that found no room.
pub(crate) const DROPPED_HEADERS: &str = "tidings-dropped-headers";

/// What the headers about the message as it was published at first start with.
pub(crate) const ORIGINAL: &str = "tidings-original-";
/// The exchange it was published to at first.
pub(crate) const ORIGINAL_EXCHANGE: &str = "tidings-original-exchange";
/// The routing key it was published under at first.
pub(crate) const ORIGINAL_ROUTING_KEY: &str = "tidings-original-routing-key";
/// The user it was published by; a copied `user_id` closes the channel.
pub(crate) const ORIGINAL_USER_ID: &str = "tidings-original-user-id";
/// Its time to live; a copied `expiration` deletes the copy.
pub(crate) const ORIGINAL_EXPIRATION: &str = "tidings-original-expiration";
/// Its priority.
pub(crate) const ORIGINAL_PRIORITY: &str = "tidings-original-priority";
/// Where an answer was expected.
pub(crate) const ORIGINAL_REPLY_TO: &str = "tidings-original-reply-to";
/// The further keys it was published under; a copied `CC` delivers to strangers.
pub(crate) const ORIGINAL_CC: &str = "tidings-original-cc";
/// The same, hidden from readers.
pub(crate) const ORIGINAL_BCC: &str = "tidings-original-bcc";

/// The broker's header for further routing keys.
pub(crate) const CC: &str = "CC";
/// The broker's header for further routing keys that readers do not see.
pub(crate) const BCC: &str = "BCC";

/// The broker's account of how often a message was dead-lettered. Version 3 of it reads it back and stops what it takes
/// for a cycle; version 4 ignores it.
const X_DEATH: &str = "x-death";

/// Whether the header is the broker's account of an earlier life of the message, and false of a copy of it.
pub(crate) fn is_brokers(name: &str) -> bool {
    const STARTS: [&str; 3] = ["x-first-death-", "x-last-death-", "x-delivery-"];
    [X_DEATH, CC, BCC].contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// Whether one of our headers holds what its publisher chose, of any length, and nothing that a retry needs.
pub(crate) fn is_lengthy(name: &str) -> bool {
    [ORIGINAL_CC, ORIGINAL_BCC].contains(&name)
}

/// Whether the header is one of ours.
pub(crate) fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}
