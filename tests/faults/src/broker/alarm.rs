//! During a memory or disk alarm the broker accepts no publishes, but still delivers.

use std::sync::Arc;
use std::time::Duration;

use tidings_broker::Node;

use crate::harness::Harness;
use crate::recovery::health_reports;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;
use tidings_test_support::wait::{blocking, until};

/// An alarm, with the commands that raise and clear it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alarm {
    raise: [&'static str; 2],
    clear: [&'static str; 2],
}

pub(super) const MEMORY: Alarm = Alarm {
    raise: ["set_vm_memory_high_watermark", "0.00001"],
    clear: ["set_vm_memory_high_watermark", "0.6"],
};

pub(super) const DISK: Alarm = Alarm {
    raise: ["set_disk_free_limit", "1000000000000000"],
    clear: ["set_disk_free_limit", "1000000"],
};

/// How many publishers wait during the alarm.
const PUBLISHERS: usize = 8;

/// How long an alarm lasts in a soak.
const DURATION: Duration = Duration::from_secs(3);

/// Raises the alarm while events wait for a handler. Publishers wait, the handler continues, and both recover.
pub(super) async fn alarmed(harness: &Harness, alarm: Alarm) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let mut traffic = Load::on(&virtual_host.url)
        .publishers(PUBLISHERS, 0)
        .per_second(400)
        .start(harness)
        .await;
    let mut row = harness.row();
    for _ in 0..harness.times() {
        traffic.confirms(100).await;
        traffic.app().pause("plain").expect("the handler exists");
        traffic.confirms(300).await;
        alarm.ctl(&node, alarm.raise).await;
        until("the health reports a blocked broker", async || {
            let reason = traffic.bus().health().reason;
            reason.is_some_and(|reason| reason.contains("takes no publishes"))
        })
        .await;
        let before = traffic.publish_log().confirmed();
        traffic.app().resume("plain").expect("the handler exists");
        until("the handler has finished the waiting events", async || {
            traffic.finished_by("plain") >= before
        })
        .await;
        let during = traffic.publish_log().confirmed() - before;
        row.check(during <= PUBLISHERS, || {
            format!("{during} events of {PUBLISHERS} publishers were confirmed during the alarm")
        });
        alarm.ctl(&node, alarm.clear).await;
        until("the health is ready", async || traffic.bus().health().is_ready()).await;
    }
    traffic.confirms(300).await;
    traffic.finish().await.into_row(row)
}

/// Raises the alarm during a soak.
pub(super) async fn raise(target: &mut SoakTarget, alarm: Alarm) {
    alarm.ctl(&target.node, alarm.raise).await;
    health_reports(&target.traffic, &mut target.row, &["takes no publishes"]).await;
    tokio::time::sleep(DURATION).await;
    alarm.ctl(&target.node, alarm.clear).await;
}

impl Alarm {
    async fn ctl(self, node: &Arc<Node>, args: [&'static str; 2]) {
        let node = Arc::clone(node);
        blocking(move || node.ctl(&args).expect("the limit is set")).await;
    }
}
