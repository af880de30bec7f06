//! The documents that are made from an app, judged by others: AsyncAPI's own parser, its JSON Schema, ajv.
//!
//! They need `node` with `npm`; what the judges depend on is installed once, under the target directory.

mod asyncapi;
mod cast;
#[path = "../../interop/install.rs"]
mod install;
mod node;
mod references;
mod schemas;
