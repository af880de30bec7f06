//! The publisher: one task owns the confirm channel, and everybody else sends to it.
//!
//! It is the one owner because the client library matches confirms to publishes by their order: published from two tasks
//! on one channel, a refused message is reported as taken. It takes what is in its inbox, writes up to [`BATCH`] at one
//! go, and never waits for one write or one confirm alone.
//!
//! A message is in one of three places: in `waiting`, and then it has not left, or is to leave again; in the ledger,
//! under way; or answered. A lost channel moves all that was under way back to the front of `waiting`, in order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connection::{Live, State};
use super::fault::Fault;
use super::ledger::{Ledger, Word};
use super::properties::{self, TooLong, short};
use super::upkeep::Missing;
use crate::broker::Publish;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::telemetry;

/// How many messages are written in one go.
const BATCH: usize = 64;

/// How often what nobody waits for any more is let go.
const SWEEP: Duration = Duration::from_secs(1);

/// How long opening a channel may take.
const OPENING: Duration = Duration::from_secs(10);

/// How long nothing is published at most while an exchange that is gone is declared again.
const REPAIRING: Duration = Duration::from_secs(5);

/// How many publishes without a confirm, and without anyone who waits for it, a channel may have. The library keeps
/// something for each until the channel ends; so it ends.
const MOST_FORGOTTEN: usize = 10_000;

/// The way to the publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    inbox: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Publish(Publish),
    /// Take nothing more; answer when all is confirmed or refused.
    Close(oneshot::Sender<()>),
}

impl Publisher {
    /// Starts the task; it tells `missing` when an exchange is not there.
    pub(super) fn start(states: watch::Receiver<State>, missing: Missing) -> Self {
        let (inbox, orders) = mpsc::unbounded_channel();
        let desk = Desk {
            orders,
            states,
            missing,
            waiting: VecDeque::new(),
            ledger: Ledger::default(),
            one_by_one: 0,
            closing: None,
            hung_up: false,
            next_sweep: Instant::now() + SWEEP,
        };
        tokio::spawn(desk.run());
        Self { inbox }
    }

    /// Takes a message. The inbox has no bound of its own: the bus's window and the consumers' prefetch are the bound.
    pub(super) fn send(&self, publish: Publish) {
        if let Err(mpsc::error::SendError(Order::Publish(publish))) = self.inbox.send(Order::Publish(publish))
        {
            publish.confirm.finish(Err(Refusal::Closed));
        }
    }

    /// Waits until all that was sent is confirmed or refused, and takes nothing more.
    pub(super) async fn close(&self) {
        let (closed, all_closed) = oneshot::channel();
        if self.inbox.send(Order::Close(closed)).is_ok() {
            let _ = all_closed.await;
        }
    }
}

/// The publisher's task.
struct Desk {
    orders: mpsc::UnboundedReceiver<Order>,
    states: watch::Receiver<State>,
    missing: Missing,
    waiting: VecDeque<Publish>,
    ledger: Ledger<Publish>,
    /// How many of those that wait leave alone, each once the one before is confirmed: one of them cost a channel.
    one_by_one: usize,
    closing: Option<oneshot::Sender<()>>,
    /// Whether every sender is gone: the inbox says so again and again.
    hung_up: bool,
    next_sweep: Instant,
}

/// What is seen of a publish under way.
enum Seen {
    /// The broker's word for the publish of this number, and the number of the return that came along.
    Answer(u64, Word, Option<u64>),
    Mark(u64),
    /// The channel is gone, and takes all that was under way on it along.
    Lost(Fault),
}

type Way = Pin<Box<dyn Future<Output = Seen> + Send>>;

/// Why a channel is left.
enum End {
    Lost(Fault),
    Closed,
}

impl Desk {
    async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        while let Some(live) = self.wait_for_connection().await {
            let fault = match open_channel(&live).await {
                Ok(channel) => match self.work(&channel, &live, &mut backoff).await {
                    End::Closed => break,
                    End::Lost(fault) => fault,
                },
                Err(fault) => fault,
            };
            self.channel_lost(&fault);
            let repaired = fault.is_missing().then(|| self.ask_for_repair());
            // Without it a channel that is closed as soon as it opens would be opened again and again.
            let pause = tokio::time::sleep(backoff.wait());
            let pause = async {
                pause.await;
                // An exchange that is there before its bindings are takes events for nobody.
                if let Some(repaired) = repaired {
                    let _ = tokio::time::timeout(REPAIRING, repaired).await;
                }
            };
            self.idle_until(Box::pin(pause)).await;
        }
        self.refuse_all();
    }

    /// Does what has to be done while there is no channel, until `done`.
    async fn idle_until<T>(&mut self, mut done: impl Future<Output = T> + Unpin) -> Option<T> {
        loop {
            if self.closing.is_some() && !matches!(*self.states.borrow(), State::Up(_)) {
                return None;
            }
            let sweep = self.next_sweep;
            tokio::select! {
                done = &mut done => return Some(done),
                order = self.orders.recv(), if !self.hung_up => self.take(order),
                () = tokio::time::sleep_until(sweep) => self.sweep(),
            }
        }
    }

    /// The connection, once there is one. `None` when there will be none, or when the bus closes and there is none now.
    async fn wait_for_connection(&mut self) -> Option<Live> {
        let mut states = self.states.clone();
        let up = async move {
            match states
                .wait_for(|state| !matches!(state, State::Down(_)))
                .await
                .as_deref()
            {
                Ok(State::Up(live)) => Some(live.clone()),
                _ => None,
            }
        };
        self.idle_until(Box::pin(up)).await.flatten()
    }

    /// Publishes on one channel until it ends.
    async fn work(&mut self, channel: &Channel, live: &Live, backoff: &mut Backoff) -> End {
        let mut ways: FuturesUnordered<Way> = FuturesUnordered::new();
        let mut states = self.states.clone();
        let mut inbox = Vec::with_capacity(BATCH);
        loop {
            if let Err(fault) = self.write(channel, live, &mut ways).await {
                return End::Lost(fault);
            }
            if self.closing.is_some() && self.is_flushed() {
                return End::Closed;
            }
            let sweep = self.next_sweep;
            tokio::select! {
                biased;
                Some(seen) = ways.next(), if !ways.is_empty() => {
                    backoff.reset();
                    if let Err(fault) = self.see_all(seen, &mut ways) {
                        return End::Lost(fault);
                    }
                }
                taken = self.orders.recv_many(&mut inbox, BATCH), if !self.hung_up => {
                    if taken == 0 {
                        self.take(None);
                    }
                    inbox.drain(..).for_each(|order| self.take(Some(order)));
                }
                changed = states.changed() => match (changed, &*states.borrow()) {
                    (Ok(()), State::Up(now)) if now.number == live.number => {}
                    (Ok(()), State::Down(why)) => return End::Lost(Fault::new(why.as_str())),
                    (Ok(()), State::Up(_)) => return End::Lost(Fault::new("the connection was lost")),
                    (Ok(()), State::Closed) | (Err(_), _) => return End::Closed,
                },
                () = tokio::time::sleep_until(sweep) => {
                    self.sweep();
                    if self.is_forgotten() {
                        return End::Lost(Fault::new("too many publishes were never confirmed"));
                    }
                    if !channel.status().connected() {
                        return End::Lost(Fault::new("the channel is closed"));
                    }
                }
            }
        }
    }

    /// Writes what waits, as far as it may leave now.
    async fn write(
        &mut self,
        channel: &Channel,
        live: &Live,
        ways: &mut FuturesUnordered<Way>,
    ) -> Result<(), Fault> {
        let frame_max = live.connection.configuration().frame_max();
        for _ in 0..BATCH {
            // What is given to the library while the broker blocks has left as far as we can tell; what waits here
            // has not, and its caller can be told so.
            if self.waiting.is_empty()
                || self.is_blocked()
                || (self.one_by_one > 0 && !self.ledger.is_empty())
            {
                break;
            }
            let Some(publish) = self.waiting.pop_front() else {
                break;
            };
            self.one_by_one = self.one_by_one.saturating_sub(1);
            if !publish.confirm.take() {
                continue;
            }
            let number = self.ledger.next_number();
            let returns_as = publish.mandatory.then_some(number);
            let message = match Outgoing::new(&publish.message, returns_as, frame_max) {
                Ok(message) => message,
                Err(too_long) => {
                    publish
                        .confirm
                        .finish(Err(Refusal::Forbidden(too_long.to_string())));
                    continue;
                }
            };
            let mut way: Way = Box::pin(message.publish(channel.clone(), publish.mandatory, number));
            self.ledger.sent(publish, returns_as.is_some());
            // The first poll puts the message into the library's line, so they leave in this order; the thread that
            // writes is woken once for all that are polled before this task rests.
            let first = std::future::poll_fn(|cx| Poll::Ready(way.as_mut().poll(cx))).await;
            ways.push(match first {
                Poll::Pending => way,
                // The library's thread can be done before this one has looked. The answer takes the same way as every
                // other: seen here alone, it would be told to the caller only with the next one, which may never come.
                Poll::Ready(seen) => Box::pin(std::future::ready(seen)),
            });
        }
        Ok(())
    }

    /// Sees to `seen` and to all else that is there to be seen.
    fn see_all(&mut self, seen: Seen, ways: &mut FuturesUnordered<Way>) -> Result<(), Fault> {
        self.see(seen)?;
        for _ in 0..BATCH {
            match ways.next().now_or_never() {
                Some(Some(seen)) => self.see(seen)?,
                _ => break,
            }
        }
        if let Some(mark) = self.ledger.mark() {
            // What was woken before is handed out before: the set keeps those that are ready in a line.
            ways.push(Box::pin(std::future::ready(Seen::Mark(mark))));
        }
        for (publish, result) in self.ledger.settled() {
            publish.confirm.finish(result);
        }
        Ok(())
    }

    fn see(&mut self, seen: Seen) -> Result<(), Fault> {
        match seen {
            Seen::Mark(mark) => self.ledger.marked(mark),
            Seen::Answer(number, word, carried) => self.ledger.answered(number, word, carried),
            // The first of many, and all say the same.
            Seen::Lost(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Everything under way comes back to be sent again, but for those that the broker closed the channel for.
    fn channel_lost(&mut self, fault: &Fault) {
        for (publish, result) in self.ledger.settled() {
            publish.confirm.finish(result);
        }
        let under_way = self.ledger.lost();
        if under_way.is_empty() {
            return;
        }
        tracing::warn!(
            unconfirmed = under_way.len(),
            "the publish channel was lost: {fault}"
        );
        let (blamed, again): (Vec<Publish>, Vec<Publish>) = under_way
            .into_iter()
            .partition(|publish| is_blamed(fault, &publish.message));
        let (alone, refused) = (blamed.len() == 1, !blamed.is_empty());
        for publish in blamed {
            // With several it may have been the last of them, and those before may have arrived.
            if !alone {
                publish.confirm.lost();
            }
            publish.confirm.finish(Err(refusal(fault)));
        }
        if !refused && fault.blames_what_was_sent() {
            if let [_] = again.as_slice() {
                again
                    .into_iter()
                    .for_each(|publish| publish.confirm.finish(Err(refusal(fault))));
                return;
            }
            // One of them is to blame and it does not say which: alone, each is found out.
            self.one_by_one = again.len();
        }
        let resent = again.len();
        for publish in again.into_iter().rev() {
            publish.confirm.lost();
            self.waiting.push_front(publish);
        }
        telemetry::resent(resent);
        self.sweep();
    }

    /// The answer is there when all is declared again.
    fn ask_for_repair(&self) -> oneshot::Receiver<()> {
        let (repaired, answer) = oneshot::channel();
        // Nobody is there when the bus is gone.
        let _ = self.missing.send(repaired);
        answer
    }

    fn take(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Publish(publish)) if self.closing.is_some() => {
                publish.confirm.finish(Err(Refusal::Closed));
            }
            Some(Order::Publish(publish)) => self.waiting.push_back(publish),
            Some(Order::Close(closed)) => self.closing = Some(closed),
            // Every bus is gone, and nobody waits for what is left.
            None => {
                self.hung_up = true;
                self.closing.get_or_insert_with(|| oneshot::channel().0);
            }
        }
    }

    /// Lets go of what waits here and nobody waits for.
    fn sweep(&mut self) {
        self.next_sweep = Instant::now() + SWEEP;
        let before = self.waiting.len();
        self.waiting.retain(|publish| publish.confirm.is_awaited());
        self.one_by_one = self.one_by_one.min(self.waiting.len());
        if before != self.waiting.len() {
            tracing::debug!(
                dropped = before - self.waiting.len(),
                "nobody waits for these publishes"
            );
        }
    }

    /// Whether nothing is left that anyone waits for: a broker that is blocked may never confirm the rest.
    fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
            && self.orders.is_empty()
            && !self.ledger.iter().any(|publish| publish.confirm.is_awaited())
    }

    fn is_forgotten(&self) -> bool {
        let len = self.ledger.len();
        len > MOST_FORGOTTEN
            && self.ledger.iter().filter(|it| !it.confirm.is_awaited()).count() > MOST_FORGOTTEN
    }

    fn is_blocked(&self) -> bool {
        matches!(&*self.states.borrow(), State::Up(live) if live.blocked.is_some())
    }

    /// The end: what has not left is refused, and of what has left nobody will hear more.
    fn refuse_all(mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Publish(publish) = order {
                publish.confirm.finish(Err(Refusal::Closed));
            }
        }
        for publish in self.waiting {
            publish.confirm.finish(Err(Refusal::Closed));
        }
        if let Some(closed) = self.closing {
            let _ = closed.send(());
        }
    }
}

async fn open_channel(live: &Live) -> Result<Channel, Fault> {
    let opening = async {
        let channel = live.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    };
    let opened = tokio::time::timeout(OPENING, opening).await;
    opened.map_err(|_| Fault::new("the broker opens no channel"))?
}

/// Whether the broker closed the channel for the exchange that the message is addressed to.
fn is_blamed(fault: &Fault, message: &Message) -> bool {
    (fault.is_missing() || fault.is_forbidden())
        && fault
            .thing()
            .is_some_and(|thing| thing.kind == "exchange" && thing.name == message.exchange)
}

fn refusal(fault: &Fault) -> Refusal {
    if fault.is_missing() {
        return Refusal::NoExchange;
    }
    match fault.thing() {
        Some(thing) if fault.is_forbidden() => Refusal::Forbidden(format!(
            "{fault}; grant its user the `write` permission on exchange `{}`",
            thing.name
        )),
        _ => Refusal::Forbidden(fault.to_string()),
    }
}

/// A message as the library takes it.
struct Outgoing {
    message: Arc<Message>,
    exchange: lapin::types::ShortString,
    routing_key: lapin::types::ShortString,
    properties: lapin::BasicProperties,
}

impl Outgoing {
    fn new(message: &Arc<Message>, number: Option<u64>, frame_max: u32) -> Result<Self, TooLong> {
        Ok(Self {
            exchange: short("exchange", &message.exchange)?,
            routing_key: short("routing key", &message.routing_key)?,
            properties: properties::to_amqp(message, number, frame_max)?,
            message: Arc::clone(message),
        })
    }

    async fn publish(self, channel: Channel, mandatory: bool, number: u64) -> Seen {
        let options = BasicPublishOptions {
            mandatory,
            immediate: false,
        };
        let written = channel
            .basic_publish(
                self.exchange,
                self.routing_key,
                options,
                &self.message.body,
                self.properties,
            )
            .await;
        drop(self.message);
        let confirmed = match written {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        let (word, returned) = match confirmed {
            Ok(Confirmation::Ack(returned)) => (Word::Ack, returned),
            Ok(Confirmation::Nack(returned)) => (Word::Nack, returned),
            Ok(Confirmation::NotRequested) => {
                debug_assert!(false, "the channel confirms");
                return Seen::Lost(Fault::new("the channel does not confirm"));
            }
            Err(error) => return Seen::Lost(Fault::from(error)),
        };
        let carried = returned.and_then(|message| properties::publish_number(&message.properties));
        Seen::Answer(number, word, carried)
    }
}
