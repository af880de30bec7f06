//! The broker stops regularly and restarts.

use std::sync::Arc;

use tidings_broker::Node;

use crate::fault::Run;
use crate::harness::Harness;
use crate::row::Row;
use crate::traffic::Load;
use tidings_test_support::wait::blocking;

/// Injects a fault into a node with the default traffic.
pub(super) async fn through(harness: &Harness, inject: fn(&Arc<Node>) -> Run<'_, ()>) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let mut traffic = Load::on(&virtual_host.url).start(harness).await;
    for _ in 0..harness.times() {
        traffic.confirms(300).await;
        inject(&node).await;
    }
    traffic.confirms(300).await;
    traffic.finish().await.into_row(harness.row())
}

/// Stops the node with SIGTERM and restarts it.
pub(super) fn restart(node: &Arc<Node>) -> Run<'_, ()> {
    let node = Arc::clone(node);
    Box::pin(blocking(move || {
        node.stop().expect("the node stops");
        node.start_again().expect("the node restarts");
    }))
}

/// Stops and starts RabbitMQ in a running Erlang VM.
pub(super) fn stop_app(node: &Arc<Node>) -> Run<'_, ()> {
    let node = Arc::clone(node);
    Box::pin(blocking(move || {
        node.ctl(&["stop_app"]).expect("the app stops");
        node.ctl(&["start_app"]).expect("the app starts");
        node.await_ready().expect("the node accepts connections");
    }))
}
