//! A subscription: one channel of its own, with its deliveries and what they are settled with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::ack_writer::{AckFrame, AckWriter};
use super::connection::LiveConnection;
use super::connection_state::{ConnectionChange, ConnectionState};
use super::error::RabbitError;
use super::last_address::LastAddress;
use super::properties::{self, short};
use super::suspect_reader::{ReadResult, SuspectReader};
use crate::broker::{Incoming, QueueSource, Subscribe, Subscription};
use crate::telemetry;

/// How long a channel may take to open or to close.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a channel is looked at after its consumer was cancelled: nothing tells of its end then.
const LOOK: Duration = Duration::from_secs(1);

/// How long an acknowledgement of several waits after the last: some hundred deliveries of a swift handler, and less than
/// anyone waits for who looks at the queue.
const ACK_SPACING: Duration = Duration::from_millis(1);

/// A subscription.
pub(super) struct RabbitSubscription {
    queue: String,
    /// Whether the queue is to go with the subscription.
    is_own: bool,
    channel: Channel,
    /// Handed out before all else.
    first: Option<Incoming>,
    /// There while it takes one by one, and consumes not yet.
    foremost: Option<SuspectReader>,
    /// Tells meanwhile that the channel is gone.
    watch: Option<Boxed>,
    deliveries: Option<Consumer>,
    last_address: LastAddress,
    settlement: AckWriter,
    stage: SubscriptionStage,
    closing: Option<Boxed>,
    runtime: Handle,
    states: watch::Receiver<ConnectionState>,
    connection: u64,
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

enum SubscriptionStage {
    Open,
    /// Cancelled by us: what was under way may still come, and no end, until the channel is gone.
    Cancelled {
        cancelling: Option<Boxed>,
        gone: Boxed,
        /// Whether the deliveries have ended: none is under way any more.
        has_ended: bool,
    },
    Lost,
}

/// Opens a channel and takes deliveries on it.
///
/// # Errors
/// When the broker refuses, or does not answer in time.
pub(super) async fn subscribe(
    live: &LiveConnection,
    states: watch::Receiver<ConnectionState>,
    subscribe: &Subscribe,
) -> Result<RabbitSubscription, RabbitError> {
    let opening = async {
        match open(live, states.clone(), subscribe).await {
            // A queue with a single active consumer can only be consumed, and it may have one without our knowledge.
            Err(fault) if subscribe.suspects.is_some() => {
                tracing::debug!("cannot look at the foremost message: {fault}");
                let subscribe = Subscribe {
                    suspects: None,
                    ..subscribe.clone()
                };
                open(live, states, &subscribe).await
            }
            opened => opened,
        }
    };
    let opened = tokio::time::timeout(PATIENCE, opening).await;
    opened.map_err(|_| RabbitError::new("the broker does not answer"))?
}

async fn open(
    live: &LiveConnection,
    states: watch::Receiver<ConnectionState>,
    subscribe: &Subscribe,
) -> Result<RabbitSubscription, RabbitError> {
    let channel = live.connection.create_channel().await?;
    let (queue, is_own) = match &subscribe.queue {
        QueueSource::Named(name) => (name.to_string(), false),
        QueueSource::Ephemeral { exchange, patterns } => {
            (own_queue(&channel, exchange, patterns).await?, true)
        }
    };
    // Before it consumes: the library keeps what comes in a line without a bound. A prefetch of 0 would be no bound.
    channel
        .basic_qos(subscribe.prefetch.max(1), BasicQosOptions::default())
        .await?;
    let consumer = name(&subscribe.consumer).unwrap_or_default();
    let (mut first, mut foremost, mut deliveries) = (None, None, None);
    match &subscribe.suspects {
        None => deliveries = Some(consume(&channel, name(&queue)?, consumer).await?),
        Some(suspects) => {
            let mut taken = SuspectReader::of(&channel, name(&queue)?, consumer, suspects.clone());
            match taken.find().await? {
                ReadResult::Suspect(suspect) => (first, foremost) = (Some(suspect), Some(taken)),
                ReadResult::Rest(innocent, rest) => (first, deliveries) = (innocent, Some(rest)),
            }
        }
    }
    let mut subscription = RabbitSubscription {
        queue,
        is_own,
        channel,
        first,
        foremost,
        watch: None,
        deliveries,
        last_address: LastAddress::default(),
        settlement: AckWriter::default(),
        stage: SubscriptionStage::Open,
        closing: None,
        runtime: Handle::current(),
        states,
        connection: live.number,
    };
    subscription.watch = subscription.foremost.is_some().then(|| subscription.gone());
    Ok(subscription)
}

pub(super) async fn consume(
    channel: &Channel,
    queue: ShortString,
    consumer: ShortString,
) -> Result<Consumer, lapin::Error> {
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue, consumer, options, FieldTable::default())
        .await
}

/// A message that the broker handed out after the one to `last_address`.
pub(super) fn incoming(delivery: Delivery, last_address: &mut LastAddress) -> Incoming {
    let Delivery {
        delivery_tag,
        exchange,
        routing_key,
        redelivered,
        properties,
        data,
        ..
    } = delivery;
    let exchange = last_address.exchange(exchange.as_str());
    let routing_key = last_address.routing_key(routing_key.as_str());
    let message = properties::from_amqp(exchange, routing_key, &properties, data);
    Incoming {
        tag: delivery_tag,
        // On the first time the header is the publisher's own, if there is one.
        delivery_count: if redelivered {
            properties::delivery_count(&message.headers)
        } else {
            0
        },
        message: Arc::new(message),
        redelivered,
        alone: false,
    }
}

fn name(text: &str) -> Result<ShortString, RabbitError> {
    short("name", text).map_err(|too_long| RabbitError::new(too_long.to_string()))
}

/// A server-named, exclusive queue, bound by each pattern.
async fn own_queue(channel: &Channel, exchange: &str, patterns: &[String]) -> Result<String, RabbitError> {
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    // A virtual host may make quorum queues by default, and those are neither exclusive nor named by the server.
    arguments.insert(
        ShortString::try_new("x-queue-type").unwrap_or_default(),
        AMQPValue::LongString("classic".into()),
    );
    let queue = channel
        .queue_declare(ShortString::default(), options, arguments)
        .await?;
    for pattern in patterns {
        channel
            .queue_bind(
                queue.name().clone(),
                name(exchange)?,
                name(pattern)?,
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(queue.name().as_str().to_owned())
}

impl RabbitSubscription {
    /// The next of those that are taken one by one, once the last is settled and the broker has heard of that.
    fn poll_foremost(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if self.foremost.as_ref().is_some_and(SuspectReader::is_settled) {
            ready!(self.poll_flush(cx));
        }
        let Some(foremost) = &mut self.foremost else {
            return Poll::Pending;
        };
        match ready!(foremost.poll(cx)) {
            Ok(ReadResult::Suspect(suspect)) => Poll::Ready(Some(suspect)),
            Ok(ReadResult::Rest(innocent, rest)) => {
                self.foremost = None;
                self.deliveries = Some(rest);
                match innocent {
                    Some(innocent) => Poll::Ready(Some(innocent)),
                    None => self.poll_next(cx),
                }
            }
            Err(_) => {
                self.stage = SubscriptionStage::Lost;
                Poll::Ready(None)
            }
        }
    }

    /// Ends when the channel is gone.
    fn gone(&self) -> Boxed {
        let (mut states, connection, channel) = (self.states.clone(), self.connection, self.channel.clone());
        Box::pin(async move {
            while channel.status().connected() {
                let is_other = |state: &ConnectionState| state.news(connection) != ConnectionChange::Same;
                // At the time we look again.
                if let Ok(_other) = tokio::time::timeout(LOOK, states.wait_for(is_other)).await {
                    return;
                }
            }
        })
    }
}

impl Subscription for RabbitSubscription {
    fn queue(&self) -> &str {
        &self.queue
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        match &mut self.stage {
            SubscriptionStage::Lost => return Poll::Ready(None),
            SubscriptionStage::Cancelled { cancelling, gone, .. } => {
                if gone.as_mut().poll(cx).is_ready() {
                    self.stage = SubscriptionStage::Lost;
                    return Poll::Ready(None);
                }
                // Nothing here waits for the answer; what is flushed does.
                let _ = poll_cancelling(cancelling, cx);
            }
            SubscriptionStage::Open if self.foremost.is_some() => {
                if self
                    .watch
                    .as_mut()
                    .is_some_and(|gone| gone.as_mut().poll(cx).is_ready())
                {
                    self.stage = SubscriptionStage::Lost;
                    return Poll::Ready(None);
                }
                return self.poll_foremost(cx);
            }
            SubscriptionStage::Open => {}
        }
        let Some(deliveries) = &mut self.deliveries else {
            return Poll::Pending;
        };
        match deliveries.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(delivery))) => Poll::Ready(Some(incoming(delivery, &mut self.last_address))),
            // The first error is the last word: after it the stream may never end.
            Poll::Ready(end) => {
                if let (None, SubscriptionStage::Cancelled { has_ended, .. }) = (end, &mut self.stage) {
                    // The end that follows our own cancel. Should the channel be gone as well, `gone` sees it.
                    *has_ended = true;
                    return Poll::Pending;
                }
                self.stage = SubscriptionStage::Lost;
                Poll::Ready(None)
            }
        }
    }

    fn ack(&mut self, tag: u64, multiple: bool) {
        self.settlement.ack(tag, multiple);
        if let Some(foremost) = &mut self.foremost {
            foremost.settled(tag, multiple);
        }
    }

    fn ack_spacing(&self) -> Duration {
        ACK_SPACING
    }

    fn requeue(&mut self, tag: u64) {
        self.settlement.requeue(tag);
        if let Some(foremost) = &mut self.foremost {
            foremost.settled(tag, false);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What is returned before the broker knows that nobody takes here any more comes back to this very consumer, to
        // be returned again: up to 4.2 each time counts, and a handful makes an innocent look like a crash loop.
        if let SubscriptionStage::Cancelled { cancelling, .. } = &mut self.stage {
            ready!(poll_cancelling(cancelling, cx));
        }
        let channel = &self.channel;
        let write = |settle: AckFrame| settle.write(channel.clone());
        self.settlement.poll_flush(write, cx).map(|written| {
            if let Err(lost) = written {
                // The broker hands those deliveries out again. The stream of deliveries says that the channel is gone.
                telemetry::stale_acks(&self.queue, lost);
            }
        })
    }

    fn cancel(&mut self) {
        if !matches!(self.stage, SubscriptionStage::Open) {
            return;
        }
        let (foremost, channel) = (self.foremost.take(), self.channel.clone());
        let consumer = self.deliveries.as_ref().map(Consumer::tag);
        let has_ended = consumer.is_none();
        let cancelling: Boxed = Box::pin(async move {
            if let Some(foremost) = foremost {
                foremost.abandon().await;
            }
            if let Some(consumer) = consumer {
                // An error says that the channel is gone, and the consumer with it.
                let _ = channel
                    .basic_cancel(consumer, BasicCancelOptions::default())
                    .await;
            }
        });
        self.stage = SubscriptionStage::Cancelled {
            cancelling: Some(cancelling),
            gone: self.gone(),
            has_ended,
        };
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let channel = &self.channel;
        let closing = self.closing.get_or_insert_with(|| {
            let channel = channel.clone();
            Box::pin(async move {
                // An error says that it is gone already.
                let _ = channel.close(200, "OK".into()).await;
            })
        });
        closing.as_mut().poll(cx)
    }

    fn is_drained(&self) -> bool {
        matches!(self.stage, SubscriptionStage::Cancelled { has_ended: true, .. })
    }

    fn set_waiting(&mut self, _: usize) {}
}

/// Ready once the broker has answered, and ever after.
fn poll_cancelling(cancelling: &mut Option<Boxed>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(waiting) = cancelling {
        ready!(waiting.as_mut().poll(cx));
        *cancelling = None;
    }
    Poll::Ready(())
}

impl Drop for RabbitSubscription {
    fn drop(&mut self) {
        let (channel, queue) = (self.channel.clone(), self.is_own.then(|| self.queue.clone()));
        if !channel.status().connected() {
            return;
        }
        // Nobody waits for it; what the broker does not hear of within the time it learns from the lost connection.
        self.runtime.spawn(tokio::time::timeout(PATIENCE, async move {
            if let Some(queue) = queue.and_then(|queue| ShortString::try_new(queue).ok()) {
                let _ = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
            }
            let _ = channel.close(200, "OK".into()).await;
        }));
    }
}
