//! A subscription to one queue, on a channel of its own.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicCancelOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::ack_writer::{AckFrame, AckWriter};
use super::connection::{LiveConnection, LiveState};
use super::connection_state::ConnectionChange;
use super::error::RabbitError;
use super::last_address::LastAddress;
use super::properties::{incoming, name};
use super::suspect_reader::{ReadResult, SuspectReader, consume};
use crate::broker::{BoxFuture, Incoming, QueueSource, Subscribe, Subscription};
use crate::message::Message;
use crate::telemetry;

/// How long a channel may take to open or to close.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the status of a channel without a consumer is checked, because no event reports the end of such a channel.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two acks with `multiple`. A fast handler settles some hundred deliveries in this time.
const ACK_SPACING: Duration = Duration::from_millis(1);

/// How many acks and requeues the channel process of the broker passes on to a quorum queue before it waits for the
/// queue (`SOFT_LIMIT` of `rabbit_fifo_client`).
const MAX_UNAPPLIED: usize = 32;

/// How long a queue that cannot be asked has to apply the last acks.
const QUIET: Duration = Duration::from_millis(300);

pub(super) struct RabbitSubscription {
    queue: String,
    /// Whether the queue is deleted with the subscription.
    is_ephemeral: bool,
    channel: Channel,
    /// A message that was read before the consumer was started.
    first: Option<Incoming>,
    /// Present until the subscription consumes.
    suspect_reader: Option<SuspectReader>,
    /// Ready when the channel is closed. Polled until the subscription consumes, because a consumer reports the end.
    channel_closed: Option<BoxFuture<'static, ()>>,
    deliveries: Option<Consumer>,
    last_address: LastAddress,
    acks: AckWriter,
    state: SubscriptionState,
    end_reason: Option<String>,
    closing: Option<BoxFuture<'static, ()>>,
    settling: Option<BoxFuture<'static, Option<Arc<Message>>>>,
    /// How many acks and requeues were written, as far as the broker may not have applied them.
    unapplied: usize,
    prefetch: u16,
    /// Whether single messages can be read from the queue.
    reads_single: bool,
    single_active: bool,
    runtime: Handle,
    states: watch::Receiver<LiveState>,
    connection: u64,
}

enum SubscriptionState {
    Open,
    /// We cancelled the consumer. Deliveries that the broker sent before may still arrive.
    Cancelled {
        cancelling: Option<BoxFuture<'static, ()>>,
        channel_closed: BoxFuture<'static, ()>,
    },
    Lost,
}

/// Opens a channel and starts a consumer on it.
///
/// # Errors
/// When the broker refuses, or does not answer in time.
pub(super) async fn subscribe(
    live: &LiveConnection,
    states: watch::Receiver<LiveState>,
    subscribe: &Subscribe,
) -> Result<RabbitSubscription, RabbitError> {
    let opening = async {
        match open(live, states.clone(), subscribe).await {
            // `basic.get` fails on a queue with a single active consumer. Someone else may have declared such a queue.
            Err(error) if subscribe.suspects.is_some() => {
                tracing::debug!(%error, "cannot read suspects one by one");
                let subscribe = Subscribe {
                    suspects: None,
                    ..subscribe.clone()
                };
                open(live, states, &subscribe).await
            }
            opened => opened,
        }
    };
    let opened = tokio::time::timeout(CHANNEL_TIMEOUT, opening).await;
    opened.map_err(|_| RabbitError::new("the broker does not answer"))?
}

async fn open(
    live: &LiveConnection,
    states: watch::Receiver<LiveState>,
    subscribe: &Subscribe,
) -> Result<RabbitSubscription, RabbitError> {
    let channel = live.connection.create_channel().await?;
    let (queue, is_ephemeral) = match &subscribe.queue {
        QueueSource::Named(name) => (name.to_string(), false),
        QueueSource::Ephemeral { exchange, patterns } => {
            (declare_ephemeral(&channel, exchange, patterns).await?, true)
        }
    };
    // The prefetch must be set before the consumer starts, and not be 0: lapin queues deliveries without a limit.
    channel
        .basic_qos(subscribe.prefetch.max(1), BasicQosOptions::default())
        .await?;
    let consumer = name(&subscribe.consumer).unwrap_or_default();
    let (mut first, mut suspect_reader, mut deliveries) = (None, None, None);
    match &subscribe.suspects {
        None => deliveries = Some(consume(&channel, name(&queue)?, consumer).await?),
        Some(suspects) => {
            let mut reader = SuspectReader::new(&channel, name(&queue)?, consumer, suspects.clone());
            match reader.read().await? {
                ReadResult::Suspect(suspect) => (first, suspect_reader) = (Some(suspect), Some(reader)),
                ReadResult::Consuming(message, consumer) => (first, deliveries) = (message, Some(consumer)),
            }
        }
    }
    let mut subscription = RabbitSubscription {
        queue,
        is_ephemeral,
        channel,
        first,
        suspect_reader,
        channel_closed: None,
        deliveries,
        last_address: LastAddress::default(),
        acks: AckWriter::default(),
        state: SubscriptionState::Open,
        end_reason: None,
        closing: None,
        settling: None,
        unapplied: 0,
        prefetch: subscribe.prefetch,
        reads_single: subscribe.suspects.is_some(),
        single_active: subscribe.single_active,
        runtime: Handle::current(),
        states,
        connection: live.number,
    };
    if subscription.suspect_reader.is_some() {
        subscription.channel_closed = Some(subscription.channel_closed());
    }
    Ok(subscription)
}

/// Declares and binds a server-named, exclusive queue.
async fn declare_ephemeral(
    channel: &Channel,
    exchange: &str,
    patterns: &[String],
) -> Result<String, RabbitError> {
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    // Quorum queues can be the default of a virtual host. A quorum queue cannot be exclusive or server-named.
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
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
    /// Reads the next message after the last suspect is settled and its ack is written.
    fn poll_suspect(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if self
            .suspect_reader
            .as_ref()
            .is_some_and(SuspectReader::is_settled)
        {
            ready!(self.poll_flush(cx));
        }
        let Some(reader) = &mut self.suspect_reader else {
            return Poll::Pending;
        };
        match ready!(reader.poll(cx)) {
            Ok(ReadResult::Suspect(suspect)) => Poll::Ready(Some(suspect)),
            Ok(ReadResult::Consuming(message, consumer)) => {
                self.suspect_reader = None;
                self.deliveries = Some(consumer);
                match message {
                    Some(message) => Poll::Ready(Some(message)),
                    None => self.poll_next(cx),
                }
            }
            Err(error) => {
                self.end_reason = Some(RabbitError::from(error).end_reason());
                self.state = SubscriptionState::Lost;
                Poll::Ready(None)
            }
        }
    }

    fn channel_closed(&self) -> BoxFuture<'static, ()> {
        let (mut states, connection, channel) = (self.states.clone(), self.connection, self.channel.clone());
        Box::pin(async move {
            while channel.status().connected() {
                let is_changed =
                    |state: &LiveState| state.change_for(connection) != ConnectionChange::Unchanged;
                // After the timeout the loop checks the channel again.
                if let Ok(_changed) = tokio::time::timeout(CHECK_INTERVAL, states.wait_for(is_changed)).await
                {
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
        match &mut self.state {
            SubscriptionState::Lost => return Poll::Ready(None),
            SubscriptionState::Cancelled {
                cancelling,
                channel_closed,
                ..
            } => {
                if channel_closed.as_mut().poll(cx).is_ready() {
                    self.state = SubscriptionState::Lost;
                    return Poll::Ready(None);
                }
                // Deliveries do not wait for the broker's answer to the cancel, but acks do in `poll_flush`.
                let _ = poll_cancelling(cancelling, cx);
            }
            SubscriptionState::Open if self.suspect_reader.is_some() => {
                if self
                    .channel_closed
                    .as_mut()
                    .is_some_and(|closed| closed.as_mut().poll(cx).is_ready())
                {
                    self.end_reason = Some("its channel was closed".to_owned());
                    self.state = SubscriptionState::Lost;
                    return Poll::Ready(None);
                }
                return self.poll_suspect(cx);
            }
            SubscriptionState::Open => {}
        }
        let Some(deliveries) = &mut self.deliveries else {
            return Poll::Pending;
        };
        match deliveries.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(delivery))) => Poll::Ready(Some(incoming(delivery, &mut self.last_address))),
            // After an error the stream may never end, so the first error ends the subscription.
            Poll::Ready(end) => {
                if let Some(Err(error)) = &end {
                    self.end_reason = Some(RabbitError::from(error).end_reason());
                }
                if let (None, SubscriptionState::Cancelled { .. }) = (end, &self.state) {
                    // The stream ended because of our own cancel. `channel_closed` reports a closed channel.
                    return Poll::Pending;
                }
                self.state = SubscriptionState::Lost;
                Poll::Ready(None)
            }
        }
    }

    fn end_reason(&self) -> Option<String> {
        self.end_reason.clone()
    }

    fn ack(&mut self, tag: u64, multiple: bool) {
        self.acks.ack(tag, multiple);
        if let Some(reader) = &mut self.suspect_reader {
            reader.settled(tag, multiple);
        }
    }

    fn ack_spacing(&self) -> Duration {
        ACK_SPACING
    }

    fn requeue(&mut self, tag: u64) {
        self.acks.requeue(tag);
        if let Some(reader) = &mut self.suspect_reader {
            reader.settled(tag, false);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Before the broker has cancelled the consumer, it would deliver a requeued message to this consumer again. Up
        // to RabbitMQ 4.2 each requeue counts, so the message would soon seem to cause a crash.
        if let SubscriptionState::Cancelled { cancelling, .. } = &mut self.state {
            ready!(poll_cancelling(cancelling, cx));
        }
        self.unapplied += self.acks.queued();
        let channel = &self.channel;
        let write = |frame: AckFrame| frame.write(channel.clone());
        self.acks.poll_flush(write, cx).map(|written| {
            if let Err(lost) = written {
                // The broker delivers those messages again. The stream of deliveries reports the closed channel.
                telemetry::stale_acks(&self.queue, lost);
            }
        })
    }

    /// The channel process of the broker passes at most [`MAX_UNAPPLIED`] acks and requeues on to a quorum queue. It
    /// keeps the others until the queue has applied some, and drops them when the channel is closed before. Only a
    /// request that the queue answers itself, after everything that was passed on before, shows that the queue has
    /// applied them. `basic.get` is such a request. A passive declare is not, and acks that follow the answer to a
    /// `basic.cancel` were lost too.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Message>>> {
        if matches!(self.state, SubscriptionState::Open) {
            // The broker sends no more than the prefetch before it has applied the acks of earlier deliveries.
            self.unapplied = self.unapplied.min(self.prefetch.into());
            if self.unapplied > MAX_UNAPPLIED && !self.single_active {
                self.cancel();
            }
        }
        ready!(self.poll_flush(cx));
        if self.unapplied <= MAX_UNAPPLIED || self.is_ephemeral || !self.channel.status().connected() {
            return Poll::Ready(None);
        }
        let settling = match &mut self.settling {
            Some(settling) => settling,
            None if self.reads_single => self.settling.insert(Box::pin(read_and_return(
                self.channel.clone(),
                self.queue.clone(),
            ))),
            // A queue with a single active consumer refuses `basic.get`, and a message that an ordered queue returns after it
            // would lose its place.
            None => self.settling.insert(Box::pin(async {
                tokio::time::sleep(QUIET).await;
                None
            })),
        };
        settling.as_mut().poll(cx)
    }

    fn cancel(&mut self) {
        if !matches!(self.state, SubscriptionState::Open) {
            return;
        }
        let (reader, channel) = (self.suspect_reader.take(), self.channel.clone());
        let consumer = self.deliveries.as_ref().map(Consumer::tag);
        let cancelling: BoxFuture<'static, ()> = Box::pin(async move {
            if let Some(reader) = reader {
                reader.abandon().await;
            }
            if let Some(consumer) = consumer {
                // An error means that the channel is closed, which cancels the consumer too.
                let _ = channel
                    .basic_cancel(consumer, BasicCancelOptions::default())
                    .await;
            }
        });
        self.state = SubscriptionState::Cancelled {
            cancelling: Some(cancelling),
            channel_closed: self.channel_closed(),
        };
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let channel = &self.channel;
        let closing = self.closing.get_or_insert_with(|| {
            let channel = channel.clone();
            Box::pin(async move {
                // An error means that the channel is closed already.
                let _ = channel.close(200, "OK".into()).await;
            })
        });
        closing.as_mut().poll(cx)
    }

    fn set_waiting(&mut self, _: usize) {}
}

/// Reads one message and returns it at once. Up to RabbitMQ 4.2 the return counts.
async fn read_and_return(channel: Channel, queue: String) -> Option<Arc<Message>> {
    let queue = name(&queue).ok()?;
    let got = channel
        .basic_get(queue, BasicGetOptions::default())
        .await
        .ok()??;
    let read = incoming(got.delivery, &mut LastAddress::default());
    let requeue = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    // An error means that the channel is closed, which requeues the message too.
    let _ = channel.basic_nack(read.tag, requeue).await;
    Some(read.message)
}

/// Ready after the broker has answered the cancel.
fn poll_cancelling(cancelling: &mut Option<BoxFuture<'static, ()>>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(waiting) = cancelling {
        ready!(waiting.as_mut().poll(cx));
        *cancelling = None;
    }
    Poll::Ready(())
}

impl Drop for RabbitSubscription {
    fn drop(&mut self) {
        let (channel, queue) = (
            self.channel.clone(),
            self.is_ephemeral.then(|| self.queue.clone()),
        );
        if !channel.status().connected() {
            return;
        }
        // After the timeout the broker closes the channel and deletes the queue when the connection ends.
        self.runtime
            .spawn(tokio::time::timeout(CHANNEL_TIMEOUT, async move {
                if let Some(queue) = queue.and_then(|queue| ShortString::try_new(queue).ok()) {
                    let _ = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
                }
                let _ = channel.close(200, "OK".into()).await;
            }));
    }
}
