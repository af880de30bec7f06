//! Documents generated from contracts: AsyncAPI, and schemas of whole events.

pub(crate) mod asyncapi;
mod draft7;
pub(crate) mod event_schema;
pub(crate) mod schema_files;
