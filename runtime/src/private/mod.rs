//! Doors that are public for our own code alone: what macros generate, the benchmarks, the fuzz targets.

#[cfg(feature = "__bench")]
pub mod benchmarks;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod generated;
