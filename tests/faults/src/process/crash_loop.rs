//! Bodies that end the process of whoever handles them, among neighbours that do not.

use std::time::{Duration, Instant};

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::Cast;
use crate::row::Row;
use crate::stage::Stage;
use crate::wait::LOOK;

/// How many deliveries a window has.
const WINDOW: usize = 256;

/// Instances take what `killers` end them with, and are started again each time, until all is settled.
pub(super) async fn ended(stage: &Stage, killers: usize, instances: usize) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Plain, &["plain"]).await;
    // As long as they are: instances that let go of suspects have taken care before those come back.
    asking.job.speed_up = 1;
    // Its queue is there before anyone asks.
    let first = Instance::start_on(&asking.job, &asking.stranger, &["plain"], 0).await;
    first.terminate().await;
    first.end().await;
    let mut deeds = vec![Deed::Wait(20); WINDOW];
    for killer in 0..killers {
        deeds[WINDOW * (2 * killer + 1) / (2 * killers)] = Deed::Abort;
    }
    asking.ask(&deeds).await;

    let started = Instant::now();
    let mut running: Vec<Instance> = (0..instances).map(|_| Instance::start(&asking.job)).collect();
    let mut deaths = 0;
    while !asking.is_settled().await && started.elapsed() < Duration::from_mins(2) {
        for instance in &mut running {
            if instance.ended().is_some() {
                deaths += 1;
                *instance = Instance::start(&asking.job);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    println!("{deaths} deaths in {:.1?}", started.elapsed());
    for mut instance in running {
        instance.kill().await;
    }
    let mut row = asking.row(stage).await;
    let dead = u64::try_from(killers).unwrap_or(u64::MAX);
    let letters = row.dead_lettered;
    row.check(letters == dead, || {
        format!("{letters} events are dead letters, of {killers} that end a process")
    });
    row
}
