//! Nodes of a cluster fail and restart.

use std::time::{Duration, Instant};

use tidings_broker::Node;

use super::members::Members;
use crate::harness::Harness;
use crate::row::Row;
use crate::traffic::{Load, Traffic};

/// How many events are confirmed before a node is killed, and while it is down.
const EVENTS: usize = 200;

/// How long the clients of a killed node may take until another node confirms their publishes.
const MOVE_LIMIT: Duration = Duration::from_secs(20);

/// Starts the default traffic on a cluster. Clients prefer the first node. The recorder uses only the last node, and
/// waits while it is down.
async fn start(harness: &Harness) -> (Members, Traffic) {
    let members = Members::of(harness).await;
    let traffic = Load::on(&members.url(0))
        .direct(&members.url_of(members.len() - 1))
        .per_second(500)
        .start(harness)
        .await;
    members.wait_until_online().await;
    (members, traffic)
}

/// Kills a node, waits until events are confirmed without it, and restarts it.
async fn kill(members: &Members, index: usize, traffic: &mut Traffic) {
    members.node(index, Node::kill).await;
    traffic.confirms(EVENTS).await;
    members.restart(index).await;
}

/// Kills the node with the leader, or the node `offset` places after it.
pub(super) async fn relative_to_leader(harness: &Harness, offset: usize) -> Row {
    let (members, mut traffic) = start(harness).await;
    for _ in 0..harness.times() {
        traffic.confirms(EVENTS).await;
        let index = (members.leader().await + offset) % members.len();
        kill(&members, index, &mut traffic).await;
    }
    traffic.finish().await.into_row(harness.row())
}

pub(super) async fn every_node(harness: &Harness) -> Row {
    let (members, mut traffic) = start(harness).await;
    for _ in 0..harness.times() {
        for index in 0..members.len() {
            traffic.confirms(EVENTS).await;
            kill(&members, index, &mut traffic).await;
        }
    }
    traffic.finish().await.into_row(harness.row())
}

pub(super) async fn rolling(harness: &Harness) -> Row {
    let (members, mut traffic) = start(harness).await;
    for _ in 0..harness.times() {
        for index in 0..members.len() {
            traffic.confirms(EVENTS).await;
            let stop = |node: &Node| node.stop().expect("the node stops");
            members.node(index, stop).await;
            members.restart(index).await;
        }
    }
    traffic.confirms(EVENTS).await;
    traffic.finish().await.into_row(harness.row())
}

/// The node of the clients is killed and stays down until the clients have moved to another node.
pub(super) async fn pinned(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for time in 0..harness.times() {
        let members = Members::of(harness).await;
        let first = time as usize % members.len();
        let mut traffic = Load::on(&members.url(first))
            .direct(&members.url_of((first + 1) % members.len()))
            .per_second(500)
            .start(harness)
            .await;
        members.wait_until_online().await;
        traffic.confirms(EVENTS).await;
        members.node(first, Node::kill).await;
        let killed = Instant::now();
        traffic.confirms(EVENTS).await;
        let moved = killed.elapsed();
        traffic.flows(EVENTS).await;
        members.restart(first).await;
        let mut row = harness.row_of(1);
        row.check(moved < MOVE_LIMIT, || {
            format!("the clients of a killed node took {moved:?} to move to another")
        });
        all.add(&traffic.finish().await.into_row(row));
    }
    all
}

/// Publishes while the leader is killed. The other nodes send nacks during the election, and the bus publishes again.
pub(super) async fn election(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let members = Members::of(harness).await;
        // This declares the queues, so that they have a leader.
        let before = Load::on(&members.url_of(0)).publishers(0, 0).without_recorder();
        before.start(harness).await.finish().await;
        members.wait_until_online().await;
        let leader = members.leader().await;
        let other = (leader + 1) % members.len();
        let traffic = Load::on(&members.url(other))
            .direct(&members.url_of(other))
            .publishers(0, 0)
            .start(harness)
            .await;
        let publish = async {
            let mut results = Vec::new();
            for _ in 0..5 {
                results.extend(traffic.burst(500).await);
            }
            results
        };
        let (results, ()) = tokio::join!(publish, members.node(leader, Node::kill));
        let refused = results.iter().filter(|result| result.is_err()).count();
        members.restart(leader).await;
        let account = traffic.finish().await;
        let seen = account.seen.iter().flatten();
        let again = seen.filter(|(_, copies)| copies.len() > 1).count();
        eprintln!("{again} events were published again, {refused} publishers got an error");
        let mut row = account.into_row(harness.row_of(1));
        row.check(refused == 0, || {
            format!("{refused} publishers got an error during an election")
        });
        all.add(&row);
    }
    all
}
