//! The drain of a retired queue: what it holds, and what still reaches it, goes to the service's orphans.
//!
//! It goes on for as long as the app does. Deleting the queue would end it, and is not for us: RabbitMQ refuses to delete
//! a quorum queue only if it is empty (540, which closes the connection; tried on 3.10.8 and 4.3.6), and an instance of
//! an older version may bind the queue again at any time.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::broker::{Incoming, QueueSource, Subscribe, Subscription};
use crate::bus::unconfirmed::Unconfirmed;
use crate::error::PublishFault;
use crate::message::Message;
use crate::message::timestamp::Timestamp;
use crate::telemetry;
use crate::wire::error_text;
use crate::wire::origin::origin;
use crate::wire::republish::{Destination, RepublishDetails, RepublishKind, republish};

use super::service::Service;

/// How many messages are under way at once.
const PREFETCH: u16 = 256;

/// How long what failed waits before it is tried again: from the first to the last, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(15);

/// How long what is under way when the app ends may take to be confirmed. Past it a message is in both queues.
const LAST_CONFIRMS: Duration = Duration::from_secs(5);

/// Moves what is in a retired queue to the orphans.
pub(crate) struct RetiredQueue {
    service: Service,
    queue: Arc<str>,
    stopping: watch::Receiver<bool>,
    moved: u64,
}

/// Why a subscription is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrainEnd {
    Lost,
    Stopped,
}

impl RetiredQueue {
    pub(crate) fn new(service: Service, queue: Arc<str>) -> Self {
        let stopping = service.stopping();
        Self {
            service,
            queue,
            stopping,
            moved: 0,
        }
    }

    /// Runs until the queue is gone or the app ends.
    pub(crate) async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            // Between two subscriptions nothing of it is with the broker, and yet it is at work.
            let awake = self.service.bus().broker().clock().hold();
            let trouble = match self.subscribe().await {
                Ok(None) => return,
                Ok(Some(subscription)) => {
                    drop(awake);
                    wait = FIRST_WAIT;
                    match self.empty(subscription).await {
                        DrainEnd::Stopped => return,
                        DrainEnd::Lost => "the broker ended the subscription".to_owned(),
                    }
                }
                Err(trouble) => {
                    drop(awake);
                    trouble
                }
            };
            tracing::warn!(
                queue = self.queue.as_ref(),
                "cannot drain the retired queue: {trouble}"
            );
            tokio::select! {
                () = stopped(&mut self.stopping) => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// Takes from the queue; `None` when there is none.
    async fn subscribe(&self) -> Result<Option<Box<dyn Subscription>>, String> {
        let broker = self.service.bus().broker();
        if !broker.has_queue(&self.queue).await? {
            return Ok(None);
        }
        let subscribe = Subscribe {
            queue: QueueSource::Named(Arc::clone(&self.queue)),
            prefetch: PREFETCH,
            suspects: None,
            consumer: format!("{}.drain", self.queue),
        };
        let subscribed = broker.subscribe(subscribe).await;
        subscribed
            .map(Some)
            .map_err(|error| error_text::chain(&error).replace('\n', ": "))
    }

    /// Moves whatever comes, many at a time, and acknowledges each once the orphans have it.
    async fn empty(&mut self, mut subscription: Box<dyn Subscription>) -> DrainEnd {
        let (service, queue) = (self.service.clone(), Arc::clone(&self.queue));
        let mut stopping = self.stopping.clone();
        let mut stop = std::pin::pin!(stopped(&mut stopping));
        let mut underway = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                next = poll_fn(|cx| {
                    // What is acknowledged is written along the way; what is not, the broker hands out again.
                    let _ = subscription.poll_flush(cx);
                    subscription.poll_next(cx)
                }) => match next {
                    Some(incoming) => underway.push(move_one(&service, &queue, incoming)),
                    None => return DrainEnd::Lost,
                },
                Some(tag) = underway.next(), if !underway.is_empty() => self.settle(tag, subscription.as_mut()),
            }
        }
        subscription.cancel();
        let last = async {
            while let Some(tag) = underway.next().await {
                self.settle(tag, subscription.as_mut());
            }
            poll_fn(|cx| subscription.poll_flush(cx)).await;
        };
        let _ = tokio::time::timeout(LAST_CONFIRMS, last).await;
        DrainEnd::Stopped
    }

    fn settle(&mut self, tag: Option<u64>, subscription: &mut dyn Subscription) {
        let Some(tag) = tag else { return };
        subscription.ack(tag, false);
        if self.moved == 0 {
            tracing::warn!(
                queue = self.queue.as_ref(),
                "the retired queue holds messages; they go to the orphans"
            );
        }
        self.moved += 1;
        telemetry::orphaned(&self.queue);
    }
}

/// Sends one message on, and gives its tag once the orphans have it; `None` when the bus was closed.
async fn move_one(service: &Service, queue: &Arc<str>, incoming: Incoming) -> Option<u64> {
    let message = Arc::new(orphan(service, queue, &incoming.message));
    let mut wait = FIRST_WAIT;
    loop {
        let trouble = match service.bus().publish_message(Arc::clone(&message), true).await {
            Ok(()) => return Some(incoming.tag),
            Err(Unconfirmed {
                fault: PublishFault::Closed,
                ..
            }) => return None,
            Err(unsent) => unsent.fault,
        };
        tracing::warn!(queue = queue.as_ref(), "cannot publish to the orphans: {trouble}");
        if let Err(error) = service.declare_again().await {
            tracing::warn!("cannot declare the orphans again: {}", error_text::chain(&error));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LAST_WAIT);
    }
}

/// The message as it lies in the orphans: like a retry that came back and found its queue gone.
fn orphan(service: &Service, queue: &str, message: &Message) -> Message {
    let (names, bus) = (service.names(), service.bus());
    let origin = origin(message, &names.returns(), queue, Timestamp::now());
    let exchange = names.orphans();
    let to = Destination {
        exchange: &exchange,
        routing_key: queue,
    };
    let handler = queue.split_once('.').map_or(queue, |(_, handler)| handler);
    let details = RepublishDetails {
        service: service.name(),
        handler,
        queue,
        first_received_at: origin.first_received_at,
        error: origin.last_error.as_deref(),
        redact: bus.config().redact.as_deref(),
        kind: RepublishKind::Retry {
            attempt: origin.attempt,
        },
    };
    republish(message, &origin, to, &details, bus.limits())
}

/// Waits until the app shuts down or is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error says that the app is gone.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
