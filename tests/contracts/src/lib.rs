//! The verdicts of `tidings-contracts`, held against the truth: serde, compiled by rustc.
//!
//! The build writes about a thousand types in a hundred families of edits (`generate/`, from `contexts.rs` and
//! `themes/`). Within a family each type writes its events ([`sample`]), each other one decodes them, and the verdict on
//! the contracts of the two must say the same: `tests/`.
//!
//! The types are here and the verdicts there, so that an edit of `tidings-contracts` builds no type anew.

mod keys;
pub mod sample;
pub mod subject;

#[cfg(not(test))]
pub use generated::families;

/// What the generated types see.
#[cfg(not(test))]
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

// Nobody reads this code; what it is made from is read. Without them in the library's own tests, of which there are none,
// clippy looks at the types once.
#[cfg(not(test))]
#[allow(warnings, clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
mod generated {
    use crate::subject::{Family, Subject};
    include!(concat!(env!("OUT_DIR"), "/families.rs"));
}
