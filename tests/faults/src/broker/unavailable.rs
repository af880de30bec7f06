//! The broker is down at the start of a service, or for a long time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings::Bus;

use crate::harness::Harness;
use crate::publish_log::PublishResult;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;
use tidings_test_support::wait::{blocking, until, within};

/// Connects while the broker is down. One bus fails in time, another bus connects once the broker runs.
pub(super) async fn at_start(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let node = harness.shared_node().await;
        let virtual_host = harness.virtual_host(&node).await;
        let down = Arc::clone(&node);
        blocking(move || {
            down.flush().expect("the node writes its tables");
            down.kill();
        })
        .await;
        let started = Instant::now();
        let builder = Bus::builder().connect_timeout(Duration::from_secs(1));
        let result = within("a connect without a broker", builder.connect(&virtual_host.url)).await;
        let took = started.elapsed();
        let restart = tokio::task::spawn_blocking(move || node.start_again().expect("the node restarts"));
        let mut traffic = Load::on(&virtual_host.url).start(harness).await;
        restart.await.expect("the node restarts");
        traffic.confirms(100).await;
        let mut row = harness.row_of(1);
        row.check(result.is_err(), || {
            "a bus connected to a broker that was down".to_owned()
        });
        row.check(took < Duration::from_secs(5), || {
            format!("the error came after {took:?}")
        });
        all.add(&traffic.finish().await.into_row(row));
    }
    all
}

/// The publish timeout while the broker is down.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How much longer 3,000 callers may take on a busy machine.
const SLACK: Duration = Duration::from_secs(10);
/// How many callers publish, one event after the other.
const CALLERS: usize = 3_000;
/// How much the memory of the process may grow, in KiB. The bus keeps at most 1,024 events of 4 KiB. A bus that kept
/// all events would grow by 12,000 KiB every three seconds.
const GROWTH: u64 = 32 * 1024;
/// The memory of one entry of the publish log, in bytes: the id and the result of an event, in a map that is half full.
const LOGGED: u64 = 160;

/// Keeps publishing while the broker is down. Callers wait, then get an error, and memory does not grow.
pub(super) async fn for_long(harness: &Harness) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let traffic = Load::on(&virtual_host.url)
        .publishers(0, 0)
        .padding(4 * 1024)
        .settings(|builder| builder.publish_timeout(TIMEOUT))
        .start(harness)
        .await;
    let mut row = harness.row();
    for _ in 0..harness.times() {
        traffic.burst(100).await;
        let down = Arc::clone(&node);
        blocking(move || down.kill()).await;
        let down_since = Instant::now();
        // The first round allocates the memory of the callers.
        traffic.burst(CALLERS).await;
        let (before, first) = (resident(), traffic.publish_log().next_number());
        while down_since.elapsed() < harness.pick(Duration::from_secs(15), Duration::from_mins(3)) {
            let started = Instant::now();
            let results = traffic.burst(CALLERS).await;
            let took = started.elapsed();
            row.check(took < TIMEOUT * 2 + SLACK, || {
                format!("callers waited {took:?}, with a timeout of {TIMEOUT:?}")
            });
            let confirmed = results.iter().filter(|result| result.is_ok()).count();
            row.check(confirmed == 0, || {
                format!("{confirmed} callers got `Ok` from a broker that is down")
            });
        }
        let growth = resident().saturating_sub(before);
        let logged = (traffic.publish_log().next_number() - first) * LOGGED / 1024;
        row.check(growth < GROWTH + logged, || {
            format!("the process grew by {growth} KiB, of which {logged} are logs")
        });
        let restarted = Arc::clone(&node);
        blocking(move || restarted.start_again().expect("the node restarts")).await;
        until("publishing works again", async || {
            traffic.burst(1).await[0].is_ok()
        })
        .await;
    }
    let not_delivered = traffic
        .publish_log()
        .count(|result| matches!(result, PublishResult::NotDelivered(_)));
    row.check(not_delivered > 0, || {
        "no error said that the event was not delivered".to_owned()
    });
    traffic.finish().await.into_row(row)
}

/// How long the broker is down in a soak.
const DURATION: Duration = Duration::from_secs(20);

/// Kills the broker of a soak and restarts it later. Callers get errors in the meantime.
pub(super) async fn for_a_while(target: &mut SoakTarget) {
    let node = Arc::clone(&target.node);
    blocking(move || node.kill()).await;
    tokio::time::sleep(DURATION).await;
    let node = Arc::clone(&target.node);
    blocking(move || node.start_again().expect("the node restarts")).await;
}

/// Returns the resident memory of this process, in KiB.
// VmRSS:     12345 kB
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.and_then(|size| size.trim().parse().ok()).unwrap_or_default()
}
