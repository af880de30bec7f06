//! lapin by hand from many tasks: one task owns the channel, and the others send their events to it.
//!
//! lapin matches confirms to publishes by their order. Tasks that publish on one channel concurrently can therefore get
//! each other's confirms; with one owner each task gets its own.

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{BasicProperties, Channel};
use tokio::sync::{mpsc, oneshot};

use super::job::{Job, Run};
use super::lapin_wire::{KEY, confirm_channel, confirmed, encode, publish_to};
use super::publish_tasks::{TASKS, publish_from};
use crate::event::OrderCreated;
use crate::stopwatch::Stopwatch;

/// The maximum number of publishes that are written together, and of confirms that are read together.
const GROUP: usize = 64;

struct PublishRequest {
    body: Vec<u8>,
    properties: BasicProperties,
    confirmed: oneshot::Sender<()>,
}

pub(super) async fn publish(run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let (requests, receiver) = mpsc::unbounded_channel();
    tokio::spawn(own(channel, receiver));
    let stopwatch = Stopwatch::start();
    let publish = move |number| {
        let requests = requests.clone();
        async move {
            let (body, properties) = encode(&OrderCreated::new(number, Job::PublishByOwner.note()));
            let (confirmed, confirm) = oneshot::channel();
            let request = PublishRequest {
                body,
                properties,
                confirmed,
            };
            assert!(requests.send(request).is_ok(), "the owner runs");
            confirm.await.expect("the broker accepted the event");
        }
    };
    let latencies = publish_from(TASKS, run.events, publish).await;
    stopwatch.stop(run.events, latencies);
}

async fn own(channel: Channel, mut requests: mpsc::UnboundedReceiver<PublishRequest>) {
    let mut in_flight = FuturesUnordered::new();
    let mut group = Vec::with_capacity(GROUP);
    loop {
        tokio::select! {
            biased;
            Some(()) = in_flight.next() => {
                // One read of the socket often brings several confirms. Take those that are ready, too.
                for _ in 1..GROUP {
                    if in_flight.next().now_or_never().flatten().is_none() {
                        break;
                    }
                }
            }
            count = requests.recv_many(&mut group, GROUP) => {
                if count == 0 {
                    return;
                }
                let published = group.iter_mut().map(|request| {
                    publish_to(&channel, KEY, &request.body, std::mem::take(&mut request.properties))
                });
                let published = join_all(published).await;
                in_flight.extend(published.into_iter().zip(group.drain(..)).map(async |(confirm, request)| {
                    confirmed(confirm).await;
                    // The task no longer waits when the run is over.
                    let _ = request.confirmed.send(());
                }));
            }
        }
    }
}
