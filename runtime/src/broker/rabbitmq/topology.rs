//! Declares the exchanges, queues and bindings of a plan.
//!
//! The declarations are pipelined on one channel. The broker closes the channel at the first declaration that it
//! refuses, and ignores the rest. The rest is declared on a new channel, so that one error reports all failures.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join_all, maybe_done};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::connection::{LiveConnection, SupervisedConnection};
use super::declare_error::{all_errors, declare_error, nothing_declared};
use super::error::{BrokerObject, RabbitError};
use super::properties::name;
use super::shared_exchanges::SharedExchanges;
use crate::error::DeclareError;
use crate::topology::{self, Argument, BindingPlan, ExchangePlan, Plan, QueuePlan};

/// After this many errors the rest of the plan is not declared.
const MAX_ERRORS: usize = 20;

/// How many declarations are pipelined.
const CHUNK: usize = 128;

const DECLARE_TIMEOUT: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeclareMode {
    Declare,
    /// Check by passive declarations that everything exists. The broker does not compare arguments then.
    Check,
}

#[derive(Debug, Clone, Copy)]
enum DeclareStep<'a> {
    Exchange(&'a ExchangePlan),
    Queue(&'a QueuePlan),
    Binding(&'a BindingPlan),
}

type Declaring = Pin<Box<dyn Future<Output = Result<(), RabbitError>> + Send>>;

/// Declares a plan on the current connection.
///
/// # Errors
/// With every declaration that the broker refused, or when there is no connection or no answer in time.
pub(super) async fn declare_on(
    connection: &SupervisedConnection,
    shared: &SharedExchanges,
    plan: &Plan,
    mode: DeclareMode,
) -> Result<(), DeclareError> {
    let live = connection
        .live()
        .await
        .map_err(|error| nothing_declared(plan, error))?;
    tokio::time::timeout(DECLARE_TIMEOUT, declare(&live, shared, plan, mode))
        .await
        .unwrap_or_else(|_| {
            let error = RabbitError::new("the broker does not answer");
            Err(nothing_declared(plan, error))
        })
}

/// # Errors
/// With every declaration that the broker refused.
pub(super) async fn declare(
    live: &LiveConnection,
    shared: &SharedExchanges,
    plan: &Plan,
    mode: DeclareMode,
) -> Result<(), DeclareError> {
    let mut errors = Vec::new();
    let steps = steps(plan, mode);
    let mut rest = steps.as_slice();
    while let Some((done, error)) = first_error(live, shared, rest, mode).await {
        if error.is_channel_limit() {
            errors.push(nothing_declared(plan, error));
            break;
        }
        let step = rest[done];
        rest = &rest[done..];
        if matches!(step, DeclareStep::Exchange(plan) if shared.learn(plan, &error)) {
            continue;
        }
        let denied = error.object().map(|object| step.denied_permission(&object));
        errors.push(declare_error(step.kind(), step.name(), error, denied, live, plan));
        rest = &rest[1..];
        if errors.len() >= MAX_ERRORS || !live.connection.status().connected() {
            break;
        }
    }
    all_errors(errors)
}

/// The steps of a plan in order. A binding needs its exchange and its queue. The binding comes directly after its
/// queue, because a consumer that finds the queue assumes that the queue is bound.
fn steps(plan: &Plan, mode: DeclareMode) -> Vec<DeclareStep<'_>> {
    let mut bindings: BTreeMap<&str, Vec<DeclareStep<'_>>> = BTreeMap::new();
    // AMQP has no way to check a binding.
    for binding in plan.bindings.iter().filter(|_| mode == DeclareMode::Declare) {
        let of_queue = bindings.entry(&binding.queue).or_default();
        of_queue.push(DeclareStep::Binding(binding));
    }
    let mut steps: Vec<_> = plan.exchanges.iter().map(DeclareStep::Exchange).collect();
    for queue in &plan.queues {
        steps.push(DeclareStep::Queue(queue));
        steps.extend(bindings.remove(queue.name.as_str()).into_iter().flatten());
    }
    // Bindings of queues that the plan does not declare.
    steps.extend(bindings.into_values().flatten());
    steps
}

/// The index of the first step that fails, with its error.
async fn first_error(
    live: &LiveConnection,
    shared: &SharedExchanges,
    steps: &[DeclareStep<'_>],
    mode: DeclareMode,
) -> Option<(usize, RabbitError)> {
    if steps.is_empty() {
        return None;
    }
    let channel = match live.connection.create_channel().await {
        Ok(channel) => channel,
        Err(error) => return Some((0, error.into())),
    };
    for (chunk, steps) in steps.chunks(CHUNK).enumerate() {
        let declarations = steps
            .iter()
            .map(|step| step.declare(channel.clone(), shared, mode))
            .collect();
        let results = all_in_order(declarations).await;
        // The steps after the first error failed too, because the channel was closed.
        if let Some((at, Err(error))) = results
            .into_iter()
            .enumerate()
            .find(|(_, result)| result.is_err())
        {
            return Some((chunk * CHUNK + at, error));
        }
    }
    // lapin does not close a channel that is dropped.
    let _ = channel.close(200, "OK".into()).await;
    None
}

/// Removes a binding. The broker accepts a binding that does not exist (tried on 3.10.8 and 4.3.6).
///
/// # Errors
/// When the broker refuses.
pub(super) async fn unbind(live: &LiveConnection, binding: &BindingPlan) -> Result<(), RabbitError> {
    let channel = live.connection.create_channel().await?;
    let (queue, exchange, pattern) = (
        name(&binding.queue)?,
        name(&binding.exchange)?,
        name(&binding.pattern)?,
    );
    channel
        .queue_unbind(queue, exchange, pattern, FieldTable::default())
        .await?;
    let _ = channel.close(200, "OK".into()).await;
    Ok(())
}

/// # Errors
/// When the connection is lost or the broker refuses access.
pub(super) async fn has_queue(live: &LiveConnection, queue: &str) -> Result<bool, RabbitError> {
    let channel = live.connection.create_channel().await?;
    let options = QueueDeclareOptions {
        passive: true,
        durable: true,
        ..QueueDeclareOptions::default()
    };
    match channel
        .queue_declare(name(queue)?, options, FieldTable::default())
        .await
        .map_err(RabbitError::from)
    {
        Ok(_) => {
            let _ = channel.close(200, "OK".into()).await;
            Ok(true)
        }
        // The broker closes the channel when the queue does not exist.
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Runs the declarations concurrently. The first poll of each writes its frame, so the frames keep their order.
async fn all_in_order(declarations: Vec<Declaring>) -> Vec<Result<(), RabbitError>> {
    let mut declarations: Vec<_> = declarations.into_iter().map(maybe_done).collect();
    for declaring in &mut declarations {
        let _ = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *declaring).poll(cx))).await;
    }
    join_all(&mut declarations).await;
    let results = declarations.iter_mut();
    results.filter_map(|it| Pin::new(it).take_output()).collect()
}

impl DeclareStep<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Exchange(exchange) => &exchange.name,
            Self::Queue(queue) => &queue.name,
            Self::Binding(binding) => &binding.pattern,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Exchange(_) => "exchange",
            Self::Queue(_) => "queue",
            Self::Binding(_) => "binding",
        }
    }

    fn declare(&self, channel: Channel, shared: &SharedExchanges, mode: DeclareMode) -> Declaring {
        let passive = mode == DeclareMode::Check;
        match *self {
            Self::Exchange(plan) => {
                let (name, kind) = (name(&plan.name), kind(plan.kind));
                let settings = shared.settings(plan);
                let options = ExchangeDeclareOptions {
                    passive,
                    durable: true,
                    auto_delete: settings.auto_delete,
                    ..ExchangeDeclareOptions::default()
                };
                let mut arguments = FieldTable::default();
                if let Some(alternate) = &settings.alternate {
                    arguments.insert("alternate-exchange".into(), text(alternate));
                }
                Box::pin(async move { Ok(channel.exchange_declare(name?, kind, options, arguments).await?) })
            }
            Self::Queue(plan) => {
                let name = name(&plan.name);
                let options = QueueDeclareOptions {
                    passive,
                    durable: true,
                    ..QueueDeclareOptions::default()
                };
                let mut arguments = FieldTable::default();
                for (&key, value) in &plan.arguments {
                    arguments.insert(key.into(), argument(value));
                }
                Box::pin(async move { Ok(channel.queue_declare(name?, options, arguments).await.map(drop)?) })
            }
            Self::Binding(plan) => {
                let (queue, exchange, pattern) =
                    (name(&plan.queue), name(&plan.exchange), name(&plan.pattern));
                Box::pin(async move {
                    let options = QueueBindOptions::default();
                    Ok(channel
                        .queue_bind(queue?, exchange?, pattern?, options, FieldTable::default())
                        .await?)
                })
            }
        }
    }

    /// The permission that the user needs on `object` for this step.
    fn denied_permission(&self, object: &BrokerObject<'_>) -> &'static str {
        match self {
            // A queue writes to its dead-letter exchange, and an exchange to its alternate exchange.
            Self::Queue(_) if object.kind == "exchange" => "write",
            Self::Exchange(exchange) if object.name != exchange.name => "write",
            Self::Exchange(_) | Self::Queue(_) => "configure",
            Self::Binding(_) if object.kind == "exchange" => "read",
            Self::Binding(_) => "write",
        }
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn argument(argument: &Argument) -> AMQPValue {
    match argument {
        Argument::Number(number) => AMQPValue::LongLongInt(*number),
        Argument::Text(it) => text(it),
        Argument::Flag(flag) => AMQPValue::Boolean(*flag),
    }
}

fn kind(kind: topology::ExchangeKind) -> ExchangeKind {
    match kind {
        topology::ExchangeKind::Topic => ExchangeKind::Topic,
        topology::ExchangeKind::Direct => ExchangeKind::Direct,
        topology::ExchangeKind::Fanout => ExchangeKind::Fanout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(queues: &[&str], bound: &[&str]) -> Plan {
        let queue = |name: &&str| QueuePlan {
            name: (*name).to_owned(),
            arguments: BTreeMap::new(),
        };
        let binding = |queue: &&str| BindingPlan {
            exchange: "domain_events".to_owned(),
            queue: (*queue).to_owned(),
            pattern: format!("to.{queue}"),
        };
        Plan {
            queues: queues.iter().map(queue).collect(),
            bindings: bound.iter().map(binding).collect(),
            ..Plan::domain_exchange("domain_events")
        }
    }

    fn names(plan: &Plan, mode: DeclareMode) -> Vec<String> {
        let steps = steps(plan, mode);
        steps.iter().map(|step| step.name().to_owned()).collect()
    }

    #[test]
    fn a_queue_is_bound_before_the_next_queue_is_declared() {
        let plan = plan(&["a", "b", "c"], &["c", "a", "other", "a"]);
        let declared = ["domain_events", "a", "to.a", "to.a", "b", "c", "to.c", "to.other"];
        assert_eq!(names(&plan, DeclareMode::Declare), declared);
    }

    #[test]
    fn bindings_are_not_checked() {
        let plan = plan(&["a", "b"], &["a", "b"]);
        assert_eq!(names(&plan, DeclareMode::Check), ["domain_events", "a", "b"]);
    }
}
