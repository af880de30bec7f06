//! Checks the documents of an app with third-party tools: the parser of AsyncAPI, its JSON Schema, and ajv.
//!
//! The tools need `node` with `npm`. They are installed once, in the target directory.

mod asyncapi;
mod references;
mod schemas;
mod services;
mod validators;
