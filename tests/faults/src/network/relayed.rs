//! Network faults, injected by a relay between the bus and the broker.

use std::time::Duration;

use tidings_broker::Vhost;

use crate::handlers::HANDLERS;
use crate::harness::Harness;
use crate::recovery::{PATIENCE, loss_is_noticed, recovers};
use crate::relay::{Cut, Direction, Mode, Relay};
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;

/// The heartbeat of the URL. A client notices a dead peer after twice this time.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a client may take to notice a dead peer: twice the heartbeat, and one second for the check of each end.
const NOTICE_LIMIT: Duration = Duration::from_secs(4);

/// How long a network fault of a soak lasts.
const DURATION: Duration = Duration::from_secs(4);

/// A virtual host behind a relay, and the traffic through the relay.
async fn behind_relay(harness: &Harness, query: &str) -> (Vhost<'static>, Relay, Load) {
    let vhost = harness.vhost().await;
    let relay = Relay::start(vhost.node().port()).await.expect("a relay starts");
    let url = relay.url(&vhost.url()) + query;
    let load = Load::on(&url)
        .direct(&vhost.url())
        .per_second(harness.pick(400, 1_000))
        .settings(|builder| builder.connect_timeout(Duration::from_secs(2)))
        // Delayed bytes can reach the broker after the same events were published again.
        .in_any_order();
    (vhost, relay, load)
}

fn with_heartbeat() -> String {
    format!("?heartbeat={}", HEARTBEAT.as_secs())
}

pub(super) async fn cut(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, "").await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for time in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let cut = relay.cut(if time % 2 == 0 { Cut::Reset } else { Cut::Fin });
        row.check(cut >= 4, || format!("only {cut} connections were open"));
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn black_hole(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, &with_heartbeat()).await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        relay.set(Mode::BlackHole);
        loss_is_noticed(&traffic, &mut row, NOTICE_LIMIT).await;
        relay.set(Mode::Forward);
        recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn slow(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, "").await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        relay.set(Mode::Throttled(1_000));
        // The duration of the fault.
        tokio::time::sleep(Duration::from_secs(harness.pick(4, 15))).await;
        relay.set(Mode::Forward);
        recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn late(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, "").await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    let before = relay.accepted();
    for _ in 0..harness.times() {
        relay.set(Mode::Late(Duration::from_millis(200)));
        traffic.flows(harness.pick(300, 1_000)).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
        relay.set(Mode::Forward);
        traffic.flows(harness.pick(300, 1_000)).await;
    }
    let reconnects = relay.accepted() - before;
    row.check(reconnects == 0, || {
        format!("{reconnects} connections were opened again")
    });
    traffic.finish().await.into_row(row)
}

pub(super) async fn closes(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, "").await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        let before = relay.accepted();
        relay.set(Mode::CloseNew);
        relay.cut(Cut::Reset);
        // The duration of the fault.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let attempts = relay.accepted() - before;
        // Each of four connections waits 0.1 s, 0.2 s and so on. Jitter shortens each wait by up to a half.
        row.check((4..=32).contains(&attempts), || {
            format!("{attempts} connection attempts in 3 s")
        });
        relay.set(Mode::Forward);
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn half_open(harness: &Harness) -> Row {
    let (_vhost, relay, load) = behind_relay(harness, &with_heartbeat()).await;
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        for fault in [Some(Direction::ToBroker), Some(Direction::ToClient), None] {
            traffic.flows(harness.pick(300, 1_000)).await;
            if let Some(direction) = fault {
                relay.set(Mode::HalfOpen(direction));
                // Only the broker can notice that it receives nothing, which takes longer.
                let bound = if direction == Direction::ToBroker {
                    NOTICE_LIMIT
                } else {
                    2 * NOTICE_LIMIT
                };
                loss_is_noticed(&traffic, &mut row, bound).await;
                relay.set(Mode::Forward);
            } else {
                relay.cut(Cut::BrokerOnly);
                loss_is_noticed(&traffic, &mut row, NOTICE_LIMIT).await;
            }
            recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
        }
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn cut_once(target: &mut SoakTarget) {
    let how = target.one_of(&[Cut::Fin, Cut::Reset]);
    target.relay.cut(how);
}

/// Drops all packets until both buses notice the loss.
pub(super) async fn drop_packets(target: &mut SoakTarget) {
    target.relay.set(Mode::BlackHole);
    loss_is_noticed(&target.traffic, &mut target.row, PATIENCE).await;
    target.relay.set(Mode::Forward);
}

/// Limits the network to 1,000 bytes per second.
pub(super) async fn slow_down(target: &mut SoakTarget) {
    target.relay.set(Mode::Throttled(1_000));
    tokio::time::sleep(DURATION).await;
    target.relay.set(Mode::Forward);
}

/// Delays all packets.
pub(super) async fn delay(target: &mut SoakTarget) {
    target.relay.set(Mode::Late(Duration::from_millis(200)));
    target.recovers().await;
    tokio::time::sleep(DURATION).await;
    target.relay.set(Mode::Forward);
}

/// Closes new connections at once.
pub(super) async fn close_new(target: &mut SoakTarget) {
    target.relay.set(Mode::CloseNew);
    target.relay.cut(Cut::Reset);
    tokio::time::sleep(DURATION).await;
    target.relay.set(Mode::Forward);
}

/// Drops the packets of one direction, or closes only the broker's end.
pub(super) async fn half_close(target: &mut SoakTarget) {
    match target.one_of(&[Some(Direction::ToBroker), Some(Direction::ToClient), None]) {
        Some(direction) => target.relay.set(Mode::HalfOpen(direction)),
        None => drop(target.relay.cut(Cut::BrokerOnly)),
    }
    loss_is_noticed(&target.traffic, &mut target.row, PATIENCE).await;
    target.relay.set(Mode::Forward);
}
