//! The broker is away: before a service starts, or for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings::Bus;

use crate::harness::Harness;
use crate::publish_log::PublishResult;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;
use tidings_test_support::wait::{blocking, until, within};

/// Starts a service while the broker is away: it is told so in time, or connects once the broker is there.
pub(super) async fn at_start(harness: &Harness) -> Row {
    let mut all = Row {
        times: 0,
        ..harness.row()
    };
    for _ in 0..harness.times() {
        let node = harness.shared_node().await;
        let virtual_host = harness.virtual_host(&node).await;
        let down = Arc::clone(&node);
        blocking(move || {
            down.flush().expect("the node writes down its virtual host");
            down.kill();
        })
        .await;
        let asked = Instant::now();
        let hasty = Bus::builder().connect_timeout(Duration::from_secs(1));
        let refused = within("a start without a broker", hasty.connect(&virtual_host.url)).await;
        let took = asked.elapsed();
        let up = tokio::task::spawn_blocking(move || node.start_again().expect("the node comes back"));
        let mut traffic = Load::on(&virtual_host.url).start(harness).await;
        up.await.expect("the node comes back");
        traffic.confirms(100).await;
        let mut row = Row {
            times: 1,
            ..harness.row()
        };
        row.check(refused.is_err(), || {
            "a bus connected to a broker that was away".to_owned()
        });
        row.check(took < Duration::from_secs(5), || {
            format!("it took {took:?} to say that there is no broker")
        });
        all.add(&traffic.finish().await.into_row(row));
    }
    all
}

/// How long a publish may take while the broker is away.
const PATIENCE: Duration = Duration::from_secs(3);
/// What three thousand callers may take beyond that, on a busy machine.
const SLACK: Duration = Duration::from_secs(10);
/// How many callers publish, each again as soon as it was told something.
const CALLERS: usize = 3_000;
/// What the process may grow by while they do, in KiB; the bus keeps at most 1,024 events of 4 KiB, and a bus that kept
/// them all would grow by twelve thousand KiB every three seconds.
const GROWTH: u64 = 32 * 1024;
/// What the suite itself notes of an event, in bytes: its id, and what its publisher was told, in a map that is half full.
const NOTED: u64 = 160;

/// Publishes on while the broker is away: callers wait, then have their error, and memory stays as it is.
pub(super) async fn for_long(harness: &Harness) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let traffic = Load::on(&virtual_host.url)
        .publishers(0, 0)
        .padding(4 * 1024)
        .settings(|builder| builder.publish_timeout(PATIENCE))
        .start(harness)
        .await;
    let mut row = harness.row();
    for _ in 0..harness.times() {
        traffic.burst(100).await;
        let down = Arc::clone(&node);
        blocking(move || down.kill()).await;
        let away = Instant::now();
        // What callers take themselves is taken once all have called.
        traffic.burst(CALLERS).await;
        let (before, first) = (resident(), traffic.publish_log().next_number());
        while away.elapsed() < harness.pick(Duration::from_secs(15), Duration::from_mins(3)) {
            let asked = Instant::now();
            let told = traffic.burst(CALLERS).await;
            let took = asked.elapsed();
            row.check(took < PATIENCE * 2 + SLACK, || {
                format!("callers waited {took:?} to be told within {PATIENCE:?}")
            });
            let taken = told.iter().filter(|result| result.is_ok()).count();
            row.check(taken == 0, || {
                format!("{taken} callers were told `Ok` by a broker that is away")
            });
        }
        let growth = resident().saturating_sub(before);
        let noted = (traffic.publish_log().next_number() - first) * NOTED / 1024;
        row.check(growth < GROWTH + noted, || {
            format!("the process grew by {growth} KiB, of which {noted} are notes")
        });
        let up = Arc::clone(&node);
        blocking(move || up.start_again().expect("the node comes back")).await;
        until("publishes are taken again", async || {
            traffic.burst(1).await[0].is_ok()
        })
        .await;
    }
    let surely = traffic
        .publish_log()
        .count(|told| matches!(told, PublishResult::NotDelivered(_)));
    row.check(surely > 0, || {
        "nobody was told that an event was surely not published".to_owned()
    });
    traffic.finish().await.into_row(row)
}

/// How long the broker of a soak is away.
const WHILE: Duration = Duration::from_secs(20);

/// Kills the broker, and starts it again later: callers have their error meanwhile.
pub(super) async fn for_a_while(target: &mut SoakTarget) {
    let node = Arc::clone(&target.node);
    blocking(move || node.kill()).await;
    tokio::time::sleep(WHILE).await;
    let node = Arc::clone(&target.node);
    blocking(move || node.start_again().expect("the node comes back")).await;
}

/// How much memory this process has, in KiB.
// VmRSS:     12345 kB
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.and_then(|size| size.trim().parse().ok()).unwrap_or_default()
}
