//! The verdicts of `tidings-contracts`, held against the truth: serde, compiled by rustc.
//!
//! The build writes about a thousand types in a hundred families of edits (`generate/`, from `contexts.rs` and
//! `themes/`). Within a family each type writes its events ([`sample`]), each other one decodes them ([`truth`]), and the
//! verdict on the two schemas must say the same.

pub mod sample;
pub mod subject;
pub mod truth;
