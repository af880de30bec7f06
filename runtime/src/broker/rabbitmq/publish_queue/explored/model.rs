//! A model of the publish queue with its callers, the publisher task, the network and the broker.

use std::collections::VecDeque;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::sync::Semaphore;

use super::super::PublishQueue;
use crate::broker::Publish;
use crate::broker::rabbitmq::confirm_tracker::ConfirmResult;
use crate::broker::rabbitmq::error::RabbitError;
use crate::bus::confirm::{PendingConfirms, confirm_group};
use crate::bus::publish::confirm_result;
use crate::bus::refusal::Refusal;
use crate::bus::unconfirmed::Unconfirmed;
use crate::error::PublishFault;
use crate::message::Message;
use crate::state_explorer::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PublishKind {
    Plain,
    /// The message may be unroutable. Its caller must then get an error.
    Mandatory,
    /// The broker closes the channel because of the message, and its error does not name the message.
    ClosesChannel,
    /// The exchange may not exist.
    ToMissingExchange,
}

/// How many faults of each kind may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FaultBudget {
    pub(super) cuts: u8,
    pub(super) nacks: u8,
    pub(super) abandons: u8,
    pub(super) blocks: u8,
    pub(super) closes: bool,
    pub(super) window: usize,
}

/// What the broker did with a message when it was last sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SendResult {
    Unknown,
    Delivered,
    Returned,
    Nacked,
    ClosedChannel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CallerAnswer {
    Yes,
    No { maybe_delivered: bool },
}

struct Caller {
    kind: PublishKind,
    /// The batch of the publish, and its index in the batch.
    batch: (usize, usize),
    is_published: bool,
    answer: Option<CallerAnswer>,
    /// The channel of the last send.
    sent_on: Option<u8>,
    send_result: SendResult,
    /// Whether the publisher task processed the confirm of the last send.
    is_processed: bool,
    /// Whether the broker delivered the message, at the last send or before.
    ever_delivered: bool,
}

/// A message on its way to the broker, or its confirm on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SentPublish {
    number: u64,
    caller: usize,
}

pub(super) struct PublishModel {
    queue: Option<PublishQueue>,
    callers: Vec<Caller>,
    /// The answers of each batch, while its caller waits.
    batches: Vec<Option<PendingConfirms>>,
    window: Arc<Semaphore>,
    faults: FaultBudget,
    /// The number of the open channel, and how many channels there have been.
    channel: Option<u8>,
    channels: u8,
    is_blocked: bool,
    /// Why the broker closed the channel, until the publisher task knows.
    close_reason: Option<(u16, &'static str)>,
    /// Messages that the broker has not read yet.
    written: VecDeque<SentPublish>,
    /// Confirms that the publisher task has not processed yet.
    confirms: Vec<(SentPublish, bool)>,
    /// lapin's queue of returned messages.
    returns: VecDeque<u64>,
    barriers: Vec<u64>,
    /// Whether the publisher task has processed events, but has not answered its callers yet.
    has_unanswered: bool,
}

#[derive(Debug, Clone)]
pub(super) enum PublishStep {
    /// A caller publishes the next batch.
    PublishBatch,
    /// The publisher task writes one message.
    Write,
    /// The broker reads the first written message and acks it.
    Ack,
    Return,
    Nack,
    /// The broker reads the first written message and closes the channel.
    CloseChannel,
    /// The publisher task processes one confirm.
    ProcessConfirm(usize),
    ReachBarrier(usize),
    /// The publisher task has processed all events, and answers its callers.
    AnswerCallers,
    /// The network fails.
    Cut,
    /// The publisher task notices that the broker closed the channel.
    NoticeClosed,
    OpenChannel,
    /// The deadline of a batch passes.
    Abandon(usize),
    Sweep,
    Block,
    Unblock,
    CloseBus,
    EndPublisher,
}

impl PublishModel {
    /// Every publish is a batch of its own.
    pub(super) fn new(kinds: &[PublishKind], faults: FaultBudget) -> Self {
        Self::in_batches(
            &kinds.iter().map(std::slice::from_ref).collect::<Vec<_>>(),
            faults,
        )
    }

    /// The publishes of a batch are queued and answered together.
    pub(super) fn in_batches(batches: &[&[PublishKind]], faults: FaultBudget) -> Self {
        let caller = |kind: PublishKind, batch: (usize, usize)| Caller {
            kind,
            batch,
            is_published: false,
            answer: None,
            sent_on: None,
            send_result: SendResult::Unknown,
            is_processed: false,
            ever_delivered: false,
        };
        let in_batch = |(batch, kinds): (usize, &&[PublishKind])| {
            let kinds = kinds.iter().enumerate();
            kinds
                .map(|(at, kind)| caller(*kind, (batch, at)))
                .collect::<Vec<_>>()
        };
        let callers = batches.iter().enumerate().flat_map(in_batch);
        Self {
            queue: Some(PublishQueue::default()),
            callers: callers.collect(),
            batches: batches.iter().map(|_| None).collect(),
            window: Arc::new(Semaphore::new(faults.window)),
            faults,
            channel: Some(1),
            channels: 1,
            is_blocked: false,
            close_reason: None,
            written: VecDeque::new(),
            confirms: Vec::new(),
            returns: VecDeque::new(),
            barriers: Vec::new(),
            has_unanswered: false,
        }
    }

    /// The next batch, and its size.
    fn next_batch(&self) -> Option<(usize, usize)> {
        let (batch, _) = self.callers.iter().find(|caller| !caller.is_published)?.batch;
        Some((
            batch,
            self.callers.iter().filter(|it| it.batch.0 == batch).count(),
        ))
    }

    fn publish_batch(&mut self) {
        let Some((batch, count)) = self.next_batch() else {
            return;
        };
        let slots = u32::try_from(count).unwrap_or(u32::MAX);
        let slots = Arc::clone(&self.window).try_acquire_many_owned(slots).ok();
        let (confirms, answers) = confirm_group(count, slots);
        self.batches[batch] = Some(answers);
        let callers = self.callers.iter_mut().enumerate();
        let callers = callers.filter(|(_, caller)| caller.batch.0 == batch);
        for ((id, caller), confirm) in callers.zip(confirms) {
            caller.is_published = true;
            let mut message = Message::default();
            message
                .properties
                .change(|it| it.message_id = Some(id.to_string()));
            if caller.kind == PublishKind::ToMissingExchange {
                message.exchange = "missing".into();
            }
            let publish = Publish {
                message: Arc::new(message),
                mandatory: caller.kind == PublishKind::Mandatory,
                while_handling: false,
                confirm,
            };
            match &mut self.queue {
                Some(queue) => queue.push(publish),
                None => publish.confirm.finish(Err(Refusal::Closed)),
            }
        }
    }

    fn write(&mut self) -> Result<(), String> {
        let (Some(queue), Some(channel)) = (&mut self.queue, self.channel) else {
            return Err("a message was written without a channel".to_owned());
        };
        let Some(publish) = queue.pop(self.is_blocked) else {
            return Ok(());
        };
        let at = id(&publish);
        let number = queue.next_number();
        queue.sent(publish);
        let is_out_of_order = self
            .callers
            .iter()
            .skip(at + 1)
            .any(|later| later.sent_on == Some(channel));
        let caller = &mut self.callers[at];
        match caller.answer {
            Some(CallerAnswer::Yes) => {
                return Err(format!("{at} was sent again after its caller got `Ok`"));
            }
            Some(CallerAnswer::No {
                maybe_delivered: false,
            }) => {
                return Err(format!("{at} was sent after it was reported as undelivered"));
            }
            _ => {}
        }
        if caller.sent_on == Some(channel) {
            return Err(format!("{at} was sent twice on one channel"));
        }
        if is_out_of_order {
            return Err(format!("{at} was sent after a later one"));
        }
        (caller.sent_on, caller.send_result, caller.is_processed) =
            (Some(channel), SendResult::Unknown, false);
        self.written.push_back(SentPublish { number, caller: at });
        Ok(())
    }

    /// The broker reads the next message.
    fn read(&mut self, send_result: SendResult) -> Result<(), String> {
        let sent = self.written.pop_front().ok_or("nothing was written")?;
        let caller = &mut self.callers[sent.caller];
        caller.send_result = send_result;
        match send_result {
            SendResult::Delivered => {
                caller.ever_delivered = true;
                self.confirms.push((sent, true));
                check_truth(sent.caller, caller)?;
            }
            SendResult::Returned => {
                self.returns.push_back(sent.number);
                self.confirms.push((sent, true));
            }
            SendResult::Nacked => self.confirms.push((sent, false)),
            SendResult::ClosedChannel if caller.kind == PublishKind::ToMissingExchange => {
                self.close_reason = Some((404, "NOT_FOUND - no exchange 'missing' in vhost '/'"));
            }
            SendResult::ClosedChannel | SendResult::Unknown => {
                self.close_reason = Some((406, "PRECONDITION_FAILED - bad"));
            }
        }
        Ok(())
    }

    fn lose(&mut self, error: &RabbitError) {
        self.channel = None;
        self.close_reason = None;
        self.is_blocked = false;
        self.has_unanswered = false;
        self.written.clear();
        self.confirms.clear();
        self.returns.clear();
        self.barriers.clear();
        if let Some(queue) = &mut self.queue {
            queue.channel_lost(error);
            queue.sweep();
        }
    }

    fn poll_callers(&mut self) -> Result<(), String> {
        for batch in 0..self.batches.len() {
            let Some(answers) = &mut self.batches[batch] else {
                continue;
            };
            let mut context = Context::from_waker(Waker::noop());
            if Pin::new(answers).poll(&mut context).is_ready() {
                self.answer_batch(batch)?;
            }
        }
        Ok(())
    }

    /// Checks and records the answers of a batch, whose caller stops waiting.
    fn answer_batch(&mut self, batch: usize) -> Result<(), String> {
        let is_closing = self.queue.as_ref().is_none_or(PublishQueue::is_closing);
        let Some(answers) = self.batches[batch].take() else {
            return Ok(());
        };
        let is_decided = answers.are_decided();
        let callers = self.callers.iter_mut().enumerate();
        let results: Vec<_> = callers
            .filter(|(_, caller)| caller.batch.0 == batch)
            .map(|(id, caller)| {
                let (_, at) = caller.batch;
                let is_answered = is_decided || answers.result(at).is_some();
                (
                    id,
                    is_answered,
                    confirm_result(&answers, at, PublishFault::Closed),
                )
            })
            .collect();
        drop(answers);
        for (id, is_answered, result) in results {
            let caller = &mut self.callers[id];
            if is_answered {
                check_answer(id, caller, &result, is_closing)?;
            }
            record_answer(id, caller, &result)?;
        }
        Ok(())
    }

    fn is_ended(&self) -> bool {
        self.queue.is_none()
    }
}

fn id(publish: &Publish) -> usize {
    let id = publish.message.properties.message_id().unwrap_or_default();
    id.parse().expect("the id is a number")
}

fn record_answer(at: usize, caller: &mut Caller, result: &Result<(), Unconfirmed>) -> Result<(), String> {
    let answer = match result {
        Ok(()) => CallerAnswer::Yes,
        Err(error) => CallerAnswer::No {
            maybe_delivered: error.maybe_delivered,
        },
    };
    if caller.answer.replace(answer).is_some() {
        return Err(format!("{at} was answered twice"));
    }
    check_truth(at, caller)
}

fn check_truth(at: usize, caller: &Caller) -> Result<(), String> {
    let never = Some(CallerAnswer::No {
        maybe_delivered: false,
    });
    if caller.answer == never && caller.ever_delivered {
        return Err(format!("{at} was reported as undelivered, but was delivered"));
    }
    Ok(())
}

/// Checks that the answer agrees with the result of the last send.
fn check_answer(
    at: usize,
    caller: &Caller,
    result: &Result<(), Unconfirmed>,
    is_closing: bool,
) -> Result<(), String> {
    let (send_result, is_processed) = (caller.send_result, caller.is_processed);
    let is_true = match result {
        Ok(()) => {
            is_processed
                && (send_result == SendResult::Delivered
                    || send_result == SendResult::Returned && caller.kind != PublishKind::Mandatory)
        }
        Err(error) => match &error.fault {
            PublishFault::Unroutable => {
                is_processed && send_result == SendResult::Returned && caller.kind == PublishKind::Mandatory
            }
            PublishFault::Refused(why) if why.contains("exchange does not exist") => {
                caller.kind == PublishKind::ToMissingExchange
            }
            PublishFault::Unpublishable(_) => caller.kind == PublishKind::ClosesChannel,
            PublishFault::Refused(_) => is_processed && send_result == SendResult::Nacked,
            // A message that was dropped has this answer too.
            PublishFault::Closed => is_closing,
            _ => false,
        },
    };
    if is_true {
        return Ok(());
    }
    Err(format!(
        "{at} got {result:?}, but the broker did {send_result:?} (processed: {is_processed})"
    ))
}

impl Model for PublishModel {
    type Step = PublishStep;

    fn steps(&self) -> Vec<PublishStep> {
        let mut steps = Vec::new();
        if self
            .next_batch()
            .is_some_and(|(_, count)| self.window.available_permits() >= count)
        {
            steps.push(PublishStep::PublishBatch);
        }
        if self.faults.abandons > 0 {
            let waiting = self
                .batches
                .iter()
                .enumerate()
                .filter(|(_, batch)| batch.is_some());
            steps.extend(waiting.map(|(batch, _)| PublishStep::Abandon(batch)));
        }
        let Some(queue) = &self.queue else {
            return steps;
        };
        if self.faults.closes && !queue.is_closing() {
            steps.push(PublishStep::CloseBus);
        }
        if queue.waiting.iter().any(|publish| !publish.confirm.is_awaited()) {
            steps.push(PublishStep::Sweep);
        }
        if self.channel.is_none() {
            steps.push(if queue.is_closing() {
                PublishStep::EndPublisher
            } else {
                PublishStep::OpenChannel
            });
            return steps;
        }
        steps.extend((0..self.confirms.len()).map(PublishStep::ProcessConfirm));
        steps.extend((0..self.barriers.len()).map(PublishStep::ReachBarrier));
        if self.faults.cuts > 0 {
            steps.push(PublishStep::Cut);
        }
        match (&self.close_reason, self.written.front()) {
            (Some(_), _) => steps.push(PublishStep::NoticeClosed),
            (None, Some(sent)) => steps.extend(match self.callers[sent.caller].kind {
                PublishKind::Plain => vec![PublishStep::Ack],
                PublishKind::Mandatory => vec![PublishStep::Ack, PublishStep::Return],
                PublishKind::ClosesChannel => vec![PublishStep::CloseChannel],
                PublishKind::ToMissingExchange => vec![PublishStep::Ack, PublishStep::CloseChannel],
            }),
            (None, None) => {}
        }
        if self.close_reason.is_none() && self.faults.nacks > 0 && !self.written.is_empty() {
            steps.push(PublishStep::Nack);
        }
        if self.has_unanswered {
            steps.push(PublishStep::AnswerCallers);
            return steps;
        }
        if queue.is_closing() && queue.is_flushed() {
            steps.push(PublishStep::EndPublisher);
        }
        if self.is_blocked {
            steps.push(PublishStep::Unblock);
        } else {
            if self.faults.blocks > 0 {
                steps.push(PublishStep::Block);
            }
            if !queue.waiting.is_empty() && (queue.one_by_one == 0 || queue.tracker.is_empty()) {
                steps.push(PublishStep::Write);
            }
        }
        steps
    }

    fn take(&mut self, step: &PublishStep) -> Result<(), String> {
        match *step {
            PublishStep::PublishBatch => self.publish_batch(),
            PublishStep::Write => self.write()?,
            PublishStep::Ack => self.read(SendResult::Delivered)?,
            PublishStep::Return => self.read(SendResult::Returned)?,
            PublishStep::Nack => {
                self.faults.nacks -= 1;
                self.read(SendResult::Nacked)?;
            }
            PublishStep::CloseChannel => self.read(SendResult::ClosedChannel)?,
            PublishStep::ProcessConfirm(at) => {
                let (sent, acked) = self.confirms.remove(at);
                // Confirms of earlier channels never arrive, so this one is about the last send.
                self.callers[sent.caller].is_processed = true;
                let result = if acked {
                    ConfirmResult::Ack
                } else {
                    ConfirmResult::Nack
                };
                let returned = self.returns.pop_front();
                if let Some(queue) = &mut self.queue {
                    queue.confirmed(sent.number, result, returned);
                }
                self.has_unanswered = true;
            }
            PublishStep::ReachBarrier(at) => {
                let barrier = self.barriers.remove(at);
                if let Some(queue) = &mut self.queue {
                    queue.barrier_reached(barrier);
                }
                self.has_unanswered = true;
            }
            PublishStep::AnswerCallers => {
                if let Some(queue) = &mut self.queue {
                    self.barriers.extend(queue.new_barrier());
                    queue.answer_callers();
                }
                self.has_unanswered = false;
            }
            PublishStep::Cut => {
                self.faults.cuts -= 1;
                self.lose(&RabbitError::new("cut"));
            }
            PublishStep::NoticeClosed => {
                let (code, text) = self.close_reason.ok_or("no close reason")?;
                self.lose(&RabbitError::from_broker(code, text));
            }
            PublishStep::OpenChannel => {
                self.channels += 1;
                self.channel = Some(self.channels);
                if self.channels > 10 {
                    return Err("channels are opened in a loop".to_owned());
                }
            }
            PublishStep::Abandon(batch) => {
                self.faults.abandons -= 1;
                self.answer_batch(batch)?;
            }
            PublishStep::Sweep => {
                if let Some(queue) = &mut self.queue {
                    queue.sweep();
                }
            }
            PublishStep::Block => {
                self.faults.blocks -= 1;
                self.is_blocked = true;
            }
            PublishStep::Unblock => self.is_blocked = false,
            PublishStep::CloseBus => {
                if let Some(queue) = &mut self.queue {
                    queue.close();
                }
            }
            PublishStep::EndPublisher => {
                let queue = self.queue.take();
                // The channel ends with the publisher task.
                self.lose(&RabbitError::new("the publisher ended"));
                queue.into_iter().for_each(PublishQueue::refuse_all);
            }
        }
        let queued = self
            .queue
            .as_ref()
            .map_or(0, |it| it.waiting.len() + it.tracker.len());
        if queued > self.faults.window {
            return Err(format!(
                "{queued} messages are queued in a window of {}",
                self.faults.window
            ));
        }
        self.poll_callers()
    }

    fn check_final(&self) -> Result<(), String> {
        if let Some(at) = self.callers.iter().position(|caller| caller.answer.is_none()) {
            return Err(format!("{at} was never answered"));
        }
        match &self.queue {
            Some(queue) if !queue.waiting.is_empty() || !queue.tracker.is_empty() => {
                Err("an answered message is still queued".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn key(&self) -> impl Hash {
        let of = |publish: &Publish| (id(publish), publish.confirm.flags(), publish.confirm.is_awaited());
        let (next, queue) = match &self.queue {
            None => (0, None),
            Some(queue) => {
                let waiting: Vec<_> = queue.waiting.iter().map(of).collect();
                let tracker = queue.tracker.key(of);
                (
                    queue.next_number(),
                    Some((waiting, tracker, queue.one_by_one, queue.is_closing())),
                )
            }
        };
        let callers: Vec<_> = self
            .callers
            .iter()
            .map(|it| {
                let sent = it.sent_on.map(|channel| self.channels - channel);
                let (batch, at) = it.batch;
                // The result of a publish can be known while its caller waits for the rest of the batch.
                let result = self.batches[batch]
                    .as_ref()
                    .map(|it| (it.result(at).is_some(), it.was_lost(at)));
                (
                    it.is_published,
                    it.answer,
                    sent,
                    it.send_result,
                    it.is_processed,
                    it.ever_delivered,
                    result,
                )
            })
            .collect();
        let age = |sent: &SentPublish| (next - sent.number, sent.caller);
        let written: Vec<_> = self.written.iter().map(age).collect();
        let confirms: Vec<_> = self
            .confirms
            .iter()
            .map(|(sent, acked)| (age(sent), *acked))
            .collect();
        let returns: Vec<_> = self.returns.iter().map(|number| next - number).collect();
        let last = self.barriers.last().copied().unwrap_or(0);
        let barriers: Vec<_> = self.barriers.iter().map(|barrier| last - barrier).collect();
        let network = (
            self.channel.is_some(),
            self.channels,
            self.is_blocked,
            self.close_reason,
        );
        (
            (queue, callers, network, self.faults, self.has_unanswered),
            (written, confirms, returns, barriers, self.is_ended()),
        )
    }
}
