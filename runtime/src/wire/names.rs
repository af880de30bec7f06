//! The names of the `tidings-*` headers, and of the headers that RabbitMQ acts on.

const PREFIX: &str = "tidings-";

/// The number of the next attempt.
pub(crate) const ATTEMPT: &str = "tidings-attempt";
/// How many attempts before it do not count towards the maximum; absent when all count.
pub(crate) const UNCOUNTED: &str = "tidings-uncounted-attempts";
/// The number of attempts that a dead letter had. The name differs from [`ATTEMPT`], so that a redriven dead letter
/// starts at attempt 1.
pub(crate) const ATTEMPTS: &str = "tidings-attempts";
/// How often a delivery had returned unsettled when it was set aside, because it may crash its process.
pub(crate) const RETURNS: &str = "tidings-returns";
/// The time at which the first attempt was received.
pub(crate) const FIRST_RECEIVED_AT: &str = "tidings-first-received-at";
/// The error of the attempt, with its causes.
pub(crate) const ERROR: &str = "tidings-error";
/// The service that republished the message.
pub(crate) const SERVICE: &str = "tidings-service";
pub(crate) const HANDLER: &str = "tidings-handler";
pub(crate) const QUEUE: &str = "tidings-queue";

/// The [`Reason`](crate::Reason) of a dead letter.
pub(crate) const DEAD_LETTER_REASON: &str = "tidings-dead-letter-reason";
pub(crate) const DEAD_LETTERED_AT: &str = "tidings-dead-lettered-at";
/// The names of the headers that were dropped to fit the frame.
pub(crate) const DROPPED_HEADERS: &str = "tidings-dropped-headers";

/// The prefix of the headers that describe the message as it was first published.
pub(crate) const ORIGINAL: &str = "tidings-original-";
pub(crate) const ORIGINAL_EXCHANGE: &str = "tidings-original-exchange";
pub(crate) const ORIGINAL_ROUTING_KEY: &str = "tidings-original-routing-key";
/// The property `user_id`. Setting it on the copy would close the channel.
pub(crate) const ORIGINAL_USER_ID: &str = "tidings-original-user-id";
/// The property `expiration`. Setting it on the copy would let the copy expire.
pub(crate) const ORIGINAL_EXPIRATION: &str = "tidings-original-expiration";
pub(crate) const ORIGINAL_PRIORITY: &str = "tidings-original-priority";
pub(crate) const ORIGINAL_REPLY_TO: &str = "tidings-original-reply-to";
/// The header `CC`. Setting it on the copy would deliver the copy to other services too.
pub(crate) const ORIGINAL_CC: &str = "tidings-original-cc";
pub(crate) const ORIGINAL_BCC: &str = "tidings-original-bcc";

/// RabbitMQ's header for additional routing keys.
pub(crate) const CC: &str = "CC";
/// RabbitMQ's header for additional routing keys. The broker removes it before delivery.
pub(crate) const BCC: &str = "BCC";

/// RabbitMQ's history of dead-lettering. RabbitMQ 3 reads it on publish, and drops a message that seems to loop.
/// RabbitMQ 4 ignores it.
const X_DEATH: &str = "x-death";

/// Whether RabbitMQ acts on the header or writes it. A copy of the message must not have it.
pub(crate) fn is_broker_header(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["x-first-death-", "x-last-death-", "x-delivery-", "x-acquired-"];
    [X_DEATH, CC, BCC].contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a `tidings-*` header can be dropped because its publisher chose its length. Only a list of keys that fills a
/// frame is dropped, since the largest headers are dropped first.
pub(crate) fn is_droppable(name: &str) -> bool {
    [ORIGINAL_CC, ORIGINAL_BCC].contains(&name)
}

/// Whether this is a `tidings-*` header, in any case.
pub(crate) fn is_tidings_header(name: &str) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}
