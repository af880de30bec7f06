//! The broker is killed, and started again.

use std::sync::Arc;

use tidings_broker::Node;

use crate::fault::Run;
use crate::row::Row;
use crate::stage::Stage;
use crate::traffic::Load;
use crate::wait::blocking;

/// Kills the node time after time; in the full form ten thousand events pass in between.
pub(super) async fn killed(stage: &Stage) -> Row {
    let node = stage.victim().await;
    let room = stage.room(&node).await;
    let mut traffic = Load::on(&room.url)
        .per_second(stage.pick(1_000, 3_000))
        .start(stage)
        .await;
    for _ in 0..stage.times() {
        traffic.confirms(stage.pick(500, 10_000)).await;
        kill(&node).await;
    }
    traffic.confirms(500).await;
    traffic.settle().await.into_row(stage.row())
}

/// Ends the node with SIGKILL, and starts it again.
pub(super) fn kill(node: &Arc<Node>) -> Run<'_, ()> {
    let node = Arc::clone(node);
    Box::pin(blocking(move || {
        node.kill();
        node.start_again().expect("the node comes back");
    }))
}
