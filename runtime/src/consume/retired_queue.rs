//! The drain of a retired queue: its messages, and those that still arrive, move to the orphans queue of the service.
//!
//! The drain runs as long as the app does. It does not delete the queue, because an instance of an older version may
//! bind the queue again at any time. RabbitMQ also has no `if-empty` for the delete of a quorum queue: it answers with
//! 540, which closes the connection (tried on 3.10.8 and 4.3.6).

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::backoff::Backoff;
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

/// The number of messages that are moved at the same time.
const PREFETCH: u16 = 256;

/// The wait after a failure, doubled up to the maximum.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(15);

/// How long the last confirms may take when the app ends. A message without its confirm may stay in both queues.
const LAST_CONFIRMS: Duration = Duration::from_secs(5);

/// A queue that was registered with `App::retired`.
pub(crate) struct RetiredQueue {
    service: Service,
    queue: Arc<str>,
    stopping: watch::Receiver<bool>,
    moved: u64,
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrainEnd {
    Cancelled,
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

    /// Moves messages until the queue does not exist any more or the app ends.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        loop {
            // Without a subscription, a virtual clock would treat the drain as idle.
            let awake = self.service.bus().broker().clock().hold();
            let error = match self.subscribe().await {
                Ok(None) => return,
                Ok(Some(subscription)) => {
                    drop(awake);
                    backoff.reset();
                    match self.move_messages(subscription).await {
                        DrainEnd::Stopped => return,
                        DrainEnd::Cancelled => "the broker ended the subscription".to_owned(),
                    }
                }
                Err(error) => {
                    drop(awake);
                    error
                }
            };
            tracing::warn!(
                queue = self.queue.as_ref(),
                error,
                "drain of a retired queue failed"
            );
            tokio::select! {
                () = stopped(&mut self.stopping) => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Subscribes to the queue; `None` when it does not exist.
    async fn subscribe(&self) -> Result<Option<Box<dyn Subscription>>, String> {
        let broker = self.service.bus().broker();
        if !broker.has_queue(&self.queue).await? {
            return Ok(None);
        }
        let subscribe = Subscribe {
            queue: QueueSource::Named(Arc::clone(&self.queue)),
            prefetch: PREFETCH,
            suspects: None,
            single_active: false,
            consumer: format!("{}.drain", self.queue),
        };
        let subscribed = broker.subscribe(subscribe).await;
        subscribed.map(Some).map_err(|error| error_text::one_line(&error))
    }

    /// Moves messages until the subscription or the app ends. Each is acknowledged once the orphans queue has it.
    async fn move_messages(&mut self, mut subscription: Box<dyn Subscription>) -> DrainEnd {
        let (service, queue) = (self.service.clone(), Arc::clone(&self.queue));
        let mut stopping = self.stopping.clone();
        let mut stop = std::pin::pin!(stopped(&mut stopping));
        let mut moves = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                next = poll_fn(|cx| {
                    // This writes acknowledgements too. The broker redelivers messages that are not acknowledged.
                    let _ = subscription.poll_flush(cx);
                    subscription.poll_next(cx)
                }) => match next {
                    Some(incoming) => moves.push(move_one(&service, &queue, incoming)),
                    None => return DrainEnd::Cancelled,
                },
                Some(tag) = moves.next(), if !moves.is_empty() => self.settle(tag, subscription.as_mut()),
            }
        }
        let last = async {
            while let Some(tag) = moves.next().await {
                self.settle(tag, subscription.as_mut());
            }
            poll_fn(|cx| subscription.poll_flush(cx)).await;
            poll_fn(|cx| subscription.poll_settled(cx)).await;
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
                "messages of a retired queue move to the orphans queue"
            );
        }
        self.moved += 1;
        telemetry::orphaned(&self.queue);
    }
}

/// Publishes one message to the orphans queue, and returns its tag after the confirm; `None` when the bus was closed.
async fn move_one(service: &Service, queue: &Arc<str>, incoming: Incoming) -> Option<u64> {
    let message = Arc::new(orphan(service, queue, &incoming.message));
    let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
    loop {
        let error = match service.bus().publish_message(Arc::clone(&message), true).await {
            Ok(()) => return Some(incoming.tag),
            Err(Unconfirmed {
                fault: PublishFault::Closed,
                ..
            }) => return None,
            Err(unsent) => unsent.fault,
        };
        tracing::warn!(queue = queue.as_ref(), error = %error, "publish to the orphans queue failed");
        if let Err(error) = service.declare_again().await {
            let error = error_text::one_line(&error);
            tracing::warn!(
                queue = queue.as_ref(),
                error,
                "declare of the orphans queue failed"
            );
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// The message for the orphans queue, with the headers of a retry whose queue does not exist.
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
        kind: RepublishKind::Retry { next: origin.attempt },
    };
    republish(message, &origin, to, &details, bus.limits())
}

/// Waits until the app shuts down or is dropped.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
