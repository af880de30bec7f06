//! Consuming.

use std::sync::Arc;

/// What a delivery knows of the service that handles it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    name: Arc<str>,
}

impl Service {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }
}
