//! The soak: one broker, traffic throughout, and faults drawn one after the other.

use std::sync::Arc;

use tidings_broker::Node;

use crate::fault::Strike;
use crate::row::Row;
use crate::stage::{Room, Stage};
use crate::traffic::Load;

/// A broker with traffic on it, to do a fault to.
#[derive(Debug)]
pub struct Field {
    /// The node.
    pub node: Arc<Node>,
    /// The virtual host of the traffic.
    pub room: Room,
}

/// Does a fault as often as the stage says to a node with the usual traffic on it, some events in between.
pub async fn through(stage: &Stage, strike: Strike) -> Row {
    let node = stage.victim().await;
    let room = stage.room(&node).await;
    let mut traffic = Load::on(&room.url).start(stage).await;
    let field = Field { node, room };
    for _ in 0..stage.times() {
        traffic.confirms(300).await;
        strike(&field).await;
    }
    traffic.confirms(300).await;
    traffic.settle().await.into_row(stage.row())
}
