//! The order of each aggregate, under all that may disturb it.

use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::Cast;
use crate::notebook::disorder;
use crate::row::Row;
use crate::stage::Stage;
use crate::wait::{blocking, until};

pub(super) async fn disturbed(stage: &Stage) -> Row {
    let node = stage.node().await;
    let mut asking = Asking::of(stage, &node.url(), Cast::Ordered, &["ordered"]).await;
    let mut instances = Vec::new();
    for _ in 0..2 {
        instances.push(Instance::start_on(&asking.job, &asking.stranger, &["ordered"], 0).await);
    }
    // A queue that was just declared may not outlive its broker's death.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..stage.times() {
        ask(stage, &mut asking).await;
        let cuts = node.clone();
        blocking(move || {
            cuts.ctl(&["close_all_connections", "a cut"])
                .expect("connections are cut")
        })
        .await;
        asking.meet_again(&node.url()).await;

        ask(stage, &mut asking).await;
        // The one that is active, or the one that waits to be.
        let mut killed = instances.remove(0);
        killed.kill().await;
        instances.push(Instance::start(&asking.job));

        ask(stage, &mut asking).await;
        let dies = node.clone();
        blocking(move || {
            dies.kill();
            dies.start_again().expect("the node starts again");
        })
        .await;
        asking.meet_again(&node.url()).await;
    }
    let settled = asking.settled(Duration::from_mins(2)).await;
    for instance in instances {
        instance.terminate().await;
        instance.end().await;
    }
    let disorder = disorder(asking.lines(), "ordered");
    let mut row = asking.row(stage).await;
    row.failed.extend(disorder.into_iter().take(5));
    row.check(settled, || "some events came to no end".to_owned());
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}

/// Asks for deeds of several aggregates, and waits until some of them are done.
async fn ask(stage: &Stage, asking: &mut Asking) {
    let before = asking.finished("ordered");
    let many = stage.pick(10, 60);
    for line in 0..12 {
        let deeds: Vec<Deed> = (0..many)
            .map(|at| match (at + line) % 7 {
                0 => Deed::FailTimes(1),
                3 => Deed::Wait(30),
                _ => Deed::Note,
            })
            .collect();
        asking.ask_of_line(&format!("line-{line}"), &deeds).await;
    }
    until("some are handled", async || {
        asking.finished("ordered") >= before + many
    })
    .await;
}
