//! A body that ends the process of whoever handles it, among neighbours that do not.

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

/// A service takes what ends it, and is started again each time, until all is settled.
pub(super) async fn ended(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Plain, &["plain"]).await;
    // Its queue is there before anyone asks.
    let first = Instance::start_on(&asking.job, &asking.stranger, &["plain"], 0).await;
    first.terminate().await;
    first.end().await;
    let mut deeds = vec![Deed::Wait(20); WINDOW];
    deeds[WINDOW / 2] = Deed::Abort;
    asking.ask(&deeds).await;

    let started = Instant::now();
    let mut service = Instance::start(&asking.job);
    let mut deaths = 0;
    while !asking.is_settled().await && started.elapsed() < Duration::from_mins(1) {
        if service.ended().is_some() {
            deaths += 1;
            service = Instance::start(&asking.job);
        }
        tokio::time::sleep(LOOK).await;
    }
    println!("{deaths} deaths in {:.1?}", started.elapsed());
    service.kill().await;
    let mut row = asking.row(stage).await;
    let letters = row.dead_lettered;
    row.check(letters == 1, || {
        format!("{letters} events are dead letters, of one that ends its process")
    });
    row
}
