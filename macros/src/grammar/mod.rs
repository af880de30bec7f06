//! The texts inside string literals, and suggestions for misspelled names.

pub(crate) mod duration;
pub(crate) mod nearest;
pub(crate) mod routing;
// A link to the runtime's file: the macros and the runtime have one list of rungs.
pub(crate) mod rungs;
