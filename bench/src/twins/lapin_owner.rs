//! lapin by hand from many tasks, without mixing up their answers: one task owns the channel, the others hand over to it.
//!
//! The library matches confirms to publishes by their order, so what several tasks publish on one channel may get each
//! other's answers.

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{BasicProperties, Channel};
use tokio::sync::{mpsc, oneshot};

use super::Job;
use super::lapin_best::TASKS;
use super::lapin_wire::{KEY, confirm_channel, confirmed, encode, hand_over_to};
use super::publish_tasks::publish_from;
use crate::event::OrderCreated;
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

/// How many are written or seen to at one go.
const TOGETHER: usize = 64;

struct Order {
    body: Vec<u8>,
    properties: BasicProperties,
    told: oneshot::Sender<()>,
}

pub(super) async fn publish(run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let (inbox, orders) = mpsc::unbounded_channel();
    tokio::spawn(own(channel, orders));
    let stopwatch = Stopwatch::start();
    let publish = move |number| {
        let inbox = inbox.clone();
        async move {
            let (body, properties) = encode(&OrderCreated::new(number, Job::PublishByOwner.note()));
            let (told, answer) = oneshot::channel();
            let order = Order {
                body,
                properties,
                told,
            };
            assert!(inbox.send(order).is_ok(), "the owner takes all");
            answer.await.expect("the broker took the event");
        }
    };
    let latencies = publish_from(TASKS, run.events, publish).await;
    stopwatch.stop(run.events, latencies);
}

async fn own(channel: Channel, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut under_way = FuturesUnordered::new();
    let mut taken = Vec::with_capacity(TOGETHER);
    loop {
        tokio::select! {
            biased;
            Some(()) = under_way.next() => {
                // Those that came with it are told with it.
                for _ in 1..TOGETHER {
                    if under_way.next().now_or_never().flatten().is_none() {
                        break;
                    }
                }
            }
            count = orders.recv_many(&mut taken, TOGETHER) => {
                if count == 0 {
                    return;
                }
                let handed = taken.iter_mut().map(|order| {
                    hand_over_to(&channel, KEY, &order.body, std::mem::take(&mut order.properties))
                });
                let handed = join_all(handed).await;
                under_way.extend(handed.into_iter().zip(taken.drain(..)).map(async |(confirm, order)| {
                    confirmed(confirm).await;
                    // Nobody waits any more when the run is over.
                    let _ = order.told.send(());
                }));
            }
        }
    }
}
