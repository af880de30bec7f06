//! The ids of events: new ids, and derived ids, which are the same each time they are computed.

#[cfg(feature = "runtime")]
use std::hash::{BuildHasher, RandomState};
#[cfg(feature = "runtime")]
use std::sync::LazyLock;
#[cfg(feature = "runtime")]
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::event::metadata::EventIdentity;

/// The namespaces are part of the wire format: with another namespace, the same event gets another id.
const DERIVED: Uuid = Uuid::from_u128(0x1f0d_8d52_6a1c_4f3e_9b57_c2d3_70e9_4a01);
const RETURNED: Uuid = Uuid::from_u128(0x7c3e_45b9_20d6_4a8f_8e14_5b9a_f1c6_3d02);

/// The bits that count the ids of one millisecond.
#[cfg(feature = "runtime")]
const COUNT_BITS: u32 = 16;

/// The id of a new event: a UUID of version 7, greater than every id that this process created before.
///
/// The crate `uuid` asks the operating system for random bits for each id, which costs a tenth of the whole processing
/// of an event. So this function builds the id itself. Its time and a counter of 16 bits are unique in this process
/// (RFC 9562 §6.2, method 1; a full counter borrows from the next millisecond). 58 pseudo-random bits make it unique
/// across processes: a hash of time and counter, with a random key per process.
#[cfg(feature = "runtime")]
pub(crate) fn new_event_id() -> Uuid {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let millis = u64::try_from(crate::message::timestamp::Timestamp::now().as_millis()).unwrap_or(0);
    let first = millis << COUNT_BITS;
    let next = |last: u64| first.max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    let number = next(last.unwrap_or_default());
    let count = number & ((1 << COUNT_BITS) - 1);
    let random = KEY.hash_one(number);
    // Twelve bits of the counter are before the two bits of the variant, four after them.
    let high = u128::from(number >> COUNT_BITS) << 80 | u128::from(count >> 4) << 64;
    let low = u128::from(count & 0xf) << 58 | u128::from(random >> 6);
    let version_and_variant = 0x7 << 76 | 0b10 << 62;
    Uuid::from_u128(high | low | version_and_variant)
}

/// The id of an event that was published without one. It is the same for every handler and every redelivery.
///
/// Type and source are not always in the body: a property or a header can have them.
pub(crate) fn derived_event_id(
    exchange: &str,
    routing_key: &str,
    event_type: &str,
    source: Option<&str>,
    body: &[u8],
) -> Uuid {
    let outside = [exchange, routing_key, event_type, source.unwrap_or_default()].map(str::as_bytes);
    let [exchange, routing_key, event_type, source] = outside;
    hashed(DERIVED, &[exchange, routing_key, event_type, source, body])
}

/// The id of the event that a handler returned at the position `ordinal`. A handler that runs twice publishes the same
/// ids twice, so consumers can detect the duplicates.
pub(crate) fn returned_event_id(
    cause: EventIdentity<'_>,
    queue: &str,
    event_type: &str,
    ordinal: usize,
) -> Uuid {
    let ordinal = u64::try_from(ordinal).unwrap_or(u64::MAX).to_be_bytes();
    let parts = [
        cause.source.as_bytes(),
        cause.event_type.as_bytes(),
        cause.id.as_bytes(),
        queue.as_bytes(),
        event_type.as_bytes(),
        &ordinal,
    ];
    hashed(RETURNED, &parts)
}

/// Hashes the parts, each after its length, so that different lists of parts never hash the same bytes.
fn hashed(namespace: Uuid, parts: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&namespace, &name)
}

#[cfg(all(test, feature = "runtime"))]
mod tests {
    use std::collections::HashSet;

    use uuid::{Variant, Version};

    use super::new_event_id;
    use crate::message::timestamp::Timestamp;

    #[test]
    fn new_ids_have_version_7_and_the_current_time() {
        let before = Timestamp::now().as_millis();
        let id = new_event_id();
        assert_eq!(id.get_version(), Some(Version::SortRand));
        assert_eq!(id.get_variant(), Variant::RFC4122);
        let (seconds, nanos) = id.get_timestamp().expect("version 7 has a time").to_unix();
        let millis = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
        // Other tests create ids at the same time, and a full counter borrows from the next millisecond.
        assert!(
            (before..before + 60_000).contains(&millis),
            "{millis} is not {before}"
        );
    }

    #[test]
    fn each_id_is_greater_than_the_one_before_it() {
        let ids: Vec<_> = (0..100_000).map(|_| new_event_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn ids_of_several_threads_and_their_random_bits_are_unique() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..10_000).map(|_| new_event_id()).collect::<Vec<_>>()))
            .collect();
        let ids: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        let random: HashSet<u64> = ids.iter().map(|id| id.as_u64_pair().1 << 6).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert_eq!(random.len(), ids.len());
    }
}
