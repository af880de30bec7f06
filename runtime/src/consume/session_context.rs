//! The state that a session shares with the tasks of its deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::service::Service;

pub(crate) struct SessionContext {
    pub(crate) service: Service,
    pub(crate) queue: Arc<str>,
    lost: AtomicBool,
}

impl SessionContext {
    pub(crate) fn new(service: Service, queue: Arc<str>) -> Self {
        Self {
            service,
            queue,
            lost: AtomicBool::new(false),
        }
    }

    /// Whether the subscription is lost: the broker then redelivers every unsettled delivery.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn set_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }
}
