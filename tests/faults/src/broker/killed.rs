//! The broker is killed, and started again.

use std::sync::Arc;

use crate::row::Row;
use crate::stage::Stage;
use crate::traffic::Load;
use crate::wait::blocking;

/// Kills the node time after time; in the full form some ten thousand events pass in between.
pub(super) async fn killed(stage: &Stage) -> Row {
    let node = stage.node().await;
    let mut traffic = Load::on(&node.url())
        .per_second(stage.pick(1_000, 3_000))
        .start(stage)
        .await;
    for _ in 0..stage.times() {
        traffic.confirms(stage.pick(500, 10_000)).await;
        let node = Arc::clone(&node);
        blocking(move || {
            node.kill();
            node.start_again().expect("the node comes back");
        })
        .await;
    }
    traffic.confirms(500).await;
    traffic.settle().await.into_row(stage.row())
}
