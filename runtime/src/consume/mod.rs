//! Consuming.

/// What a delivery knows of the service that handles it.
#[derive(Debug, Clone)]
pub(crate) struct Service;
