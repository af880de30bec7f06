//! The broker is killed and restarted.

use std::sync::Arc;

use tidings_broker::Node;

use crate::fault::Run;
use crate::harness::Harness;
use crate::row::Row;
use crate::traffic::Load;
use tidings_test_support::wait::blocking;

/// Kills the node repeatedly. The full form waits for 10,000 confirmed events before each kill.
pub(super) async fn killed(harness: &Harness) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let mut traffic = Load::on(&virtual_host.url)
        .per_second(harness.pick(1_000, 3_000))
        .start(harness)
        .await;
    for _ in 0..harness.times() {
        traffic.confirms(harness.pick(500, 10_000)).await;
        kill(&node).await;
    }
    traffic.confirms(500).await;
    traffic.finish().await.into_row(harness.row())
}

/// Kills the node with SIGKILL and restarts it.
pub(super) fn kill(node: &Arc<Node>) -> Run<'_, ()> {
    let node = Arc::clone(node);
    Box::pin(blocking(move || {
        node.kill();
        node.start_again().expect("the node restarts");
    }))
}
