//! Modules that are public only for the project's own code: generated code, benchmarks and fuzz targets.

#[cfg(feature = "__bench")]
pub mod benchmarks;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod generated;
