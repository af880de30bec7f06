//! Tests the findings of `tidings-contracts` against serde itself.
//!
//! The build generates about a thousand types in a hundred type sets (`generate/`, from `contexts.rs` and
//! `themes/`). Within a type set, each type writes its events ([`sample`]) and every other type decodes them. The
//! findings on the two contracts must agree with what serde does: see `tests/`.
//!
//! The types are in this crate and the comparison in its tests, so that an edit of `tidings-contracts` does not
//! recompile the types.

mod keys;
pub mod sample;
pub mod subject;

#[cfg(not(any(test, clippy, doc)))]
pub use generated::type_sets;

/// Returns the generated type sets.
#[cfg(any(clippy, doc))]
#[must_use]
pub fn type_sets() -> Vec<subject::TypeSet> {
    Vec::new()
}

/// The imports of the generated types.
#[cfg(not(any(test, clippy, doc)))]
mod prelude {
    pub(crate) use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
    pub(crate) use std::num::{NonZeroI32, NonZeroU8, NonZeroU32, NonZeroU64};

    pub(crate) use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
    pub(crate) use schemars::JsonSchema;
    pub(crate) use serde::{Deserialize, Deserializer, Serialize, Serializer};
    pub(crate) use serde_json::Value;
    pub(crate) use uuid::Uuid;

    pub(crate) use crate::sample::{Key, Sample, plans};
}

// Only the tests of this crate need the types. Clippy, rustdoc and the unit tests, which the library lacks, skip them:
// a thousand types with their derives take minutes.
#[cfg(not(any(test, clippy, doc)))]
#[allow(warnings, missing_docs, unreachable_pub)]
mod generated {
    use crate::subject::{Subject, TypeSet};
    include!(concat!(env!("OUT_DIR"), "/type_sets.rs"));
}
