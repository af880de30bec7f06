//! The broker stops in good order, and starts again.

use crate::fault::Run;
use crate::soak::Field;
use crate::wait::blocking;

/// Stops the node as an operator would, and starts it again.
pub(super) fn restart(field: &Field) -> Run<'_, ()> {
    let node = field.node.clone();
    Box::pin(blocking(move || {
        node.stop().expect("the node stops");
        node.start_again().expect("the node comes back");
    }))
}

/// Stops RabbitMQ within a node that goes on to run, and starts it again.
pub(super) fn stop_app(field: &Field) -> Run<'_, ()> {
    let node = field.node.clone();
    Box::pin(blocking(move || {
        node.ctl(&["stop_app"]).expect("the app stops");
        node.ctl(&["start_app"]).expect("the app starts");
        node.await_ready().expect("the node takes connections");
    }))
}
