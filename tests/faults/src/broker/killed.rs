//! The broker is killed, and started again.

use crate::fault::Run;
use crate::row::Row;
use crate::soak::Field;
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
    let field = Field { node, room };
    for _ in 0..stage.times() {
        traffic.confirms(stage.pick(500, 10_000)).await;
        kill(&field).await;
    }
    traffic.confirms(500).await;
    traffic.settle().await.into_row(stage.row())
}

/// Ends the node with SIGKILL, and starts it again.
pub(super) fn kill(field: &Field) -> Run<'_, ()> {
    let node = field.node.clone();
    Box::pin(blocking(move || {
        node.kill();
        node.start_again().expect("the node comes back");
    }))
}
