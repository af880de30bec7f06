//! Declaring: a plan's exchanges, queues and bindings, written together and answered one by one.
//!
//! The broker closes the channel at the first thing it refuses, and ignores what was written after it; so what follows a
//! refusal is written again, on a new channel, and all faults are told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::join_all;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::connection::LiveConnection;
use super::error::{DeclaredKind, RabbitError};
use super::properties::short;
use crate::app::describe::Permissions;
use crate::error::{DeclareError, Drift};
use crate::topology::{self, Argument, BindingPlan, ExchangePlan, Plan, QueuePlan};

/// How many faults are looked for before the rest is left alone.
const MOST_FAULTS: usize = 20;

/// How many declarations are written at a time.
const AT_A_TIME: usize = 128;

/// What is done about the things of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are made where they are not there.
    Declare,
    /// They are looked for, by name alone: the broker compares nothing.
    TopologyCheck,
}

/// One thing of a plan.
#[derive(Debug, Clone, Copy)]
enum DeclareStep<'a> {
    Exchange(&'a ExchangePlan),
    Queue(&'a QueuePlan),
    Binding(&'a BindingPlan),
}

type Declaring = Pin<Box<dyn Future<Output = Result<(), RabbitError>> + Send>>;

/// Declares a plan, or looks for what it has.
///
/// # Errors
/// With everything that the broker refused.
pub(super) async fn declare(live: &LiveConnection, plan: &Plan, mode: Mode) -> Result<(), DeclareError> {
    let mut faults = Vec::new();
    let steps = steps(plan, mode);
    let mut rest = steps.as_slice();
    while let Some((done, fault)) = first_fault(live, rest, mode).await {
        faults.push(declare_error(rest[done], fault, live, plan));
        rest = &rest[done + 1..];
        if faults.len() >= MOST_FAULTS || !live.connection.status().connected() {
            break;
        }
    }
    told(faults)
}

/// The steps of a plan, in their order. A binding needs both its ends; and it comes right behind its queue, for as soon as
/// that is there someone may take from it and believe that all is well again.
fn steps(plan: &Plan, mode: Mode) -> Vec<DeclareStep<'_>> {
    let mut bindings: BTreeMap<&str, Vec<DeclareStep<'_>>> = BTreeMap::new();
    // There is no way to look for a binding.
    for binding in plan.bindings.iter().filter(|_| mode == Mode::Declare) {
        let of_queue = bindings.entry(&binding.queue).or_default();
        of_queue.push(DeclareStep::Binding(binding));
    }
    let mut steps: Vec<_> = plan.exchanges.iter().map(DeclareStep::Exchange).collect();
    for queue in &plan.queues {
        steps.push(DeclareStep::Queue(queue));
        steps.extend(bindings.remove(queue.name.as_str()).into_iter().flatten());
    }
    // Those of queues that are there already.
    steps.extend(bindings.into_values().flatten());
    steps
}

/// The first step that fails, and why.
async fn first_fault(
    live: &LiveConnection,
    steps: &[DeclareStep<'_>],
    mode: Mode,
) -> Option<(usize, RabbitError)> {
    if steps.is_empty() {
        return None;
    }
    let channel = match live.connection.create_channel().await {
        Ok(channel) => channel,
        Err(error) => return Some((0, error.into())),
    };
    for (chunk, steps) in steps.chunks(AT_A_TIME).enumerate() {
        let declarations = steps
            .iter()
            .map(|step| step.declare(channel.clone(), mode))
            .collect();
        let results = all_in_order(declarations).await;
        // What comes after it failed as well, for want of a channel.
        if let Some((at, Err(fault))) = results
            .into_iter()
            .enumerate()
            .find(|(_, result)| result.is_err())
        {
            return Some((chunk * AT_A_TIME + at, fault));
        }
    }
    // Left open it would stay for as long as the connection.
    let _ = channel.close(200, "OK".into()).await;
    None
}

/// Undoes a binding. The broker says yes to one that is not there as well (tried on 3.10.8 and 4.3.6).
///
/// # Errors
/// When the broker refuses it.
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

/// Whether there is a queue of this name.
///
/// # Errors
/// When the broker does not say.
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
        // The broker has closed the channel with its answer.
        Err(fault) if fault.is_missing() => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Runs all together, each written after the one before it.
async fn all_in_order(mut declarations: Vec<Declaring>) -> Vec<Result<(), RabbitError>> {
    let mut results: Vec<Option<Result<(), RabbitError>>> = Vec::with_capacity(declarations.len());
    for declaring in &mut declarations {
        let first = std::future::poll_fn(|cx| Poll::Ready(declaring.as_mut().poll(cx))).await;
        results.push(match first {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        });
    }
    join_all(
        declarations
            .into_iter()
            .zip(results)
            .map(async |(declaring, result)| match result {
                Some(result) => result,
                None => declaring.await,
            }),
    )
    .await
}

impl DeclareStep<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Exchange(exchange) => &exchange.name,
            Self::Queue(queue) => &queue.name,
            Self::Binding(binding) => &binding.pattern,
        }
    }

    fn thing(&self) -> &'static str {
        match self {
            Self::Exchange(_) => "exchange",
            Self::Queue(_) => "queue",
            Self::Binding(_) => "binding",
        }
    }

    fn declare(&self, channel: Channel, mode: Mode) -> Declaring {
        let passive = mode == Mode::TopologyCheck;
        match *self {
            Self::Exchange(plan) => {
                let (name, kind) = (name(&plan.name), kind(plan.kind));
                let options = ExchangeDeclareOptions {
                    passive,
                    durable: true,
                    ..ExchangeDeclareOptions::default()
                };
                let mut arguments = FieldTable::default();
                if let Some(alternate) = &plan.alternate {
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

    /// The permission whose lack the broker complains of.
    fn permission(&self, of: &DeclaredKind<'_>) -> &'static str {
        match self {
            // Dead letters are written to their exchange, what cannot be routed to the alternate one.
            Self::Queue(_) if of.kind == "exchange" => "write",
            Self::Exchange(exchange) if of.name != exchange.name => "write",
            Self::Exchange(_) | Self::Queue(_) => "configure",
            Self::Binding(_) if of.kind == "exchange" => "read",
            Self::Binding(_) => "write",
        }
    }
}

fn name(text: &str) -> Result<ShortString, RabbitError> {
    short("name", text).map_err(|too_long| RabbitError::new(too_long.to_string()))
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

/// Whether it is for a permission alone that nothing could be declared.
pub(super) fn is_for_want_of_permission(error: &DeclareError) -> bool {
    let source = &error.source;
    match source.downcast_ref::<Several>() {
        Some(several) => {
            several.first.is::<Forbidden>() && several.others.iter().all(is_for_want_of_permission)
        }
        None => source.is::<Forbidden>(),
    }
}

/// The text of a refusal for want of a permission.
#[derive(Debug)]
struct Forbidden(String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

fn declare_error(
    step: DeclareStep<'_>,
    fault: RabbitError,
    live: &LiveConnection,
    plan: &Plan,
) -> DeclareError {
    let source: Box<dyn std::error::Error + Send + Sync> = match (fault.drift(), fault.thing()) {
        (Some(drift), _) => Box::new(drift),
        (None, Some(thing)) if fault.is_forbidden() => {
            Box::new(Forbidden(grant(&fault, step.permission(&thing), live, plan)))
        }
        (None, _) => Box::new(fault),
    };
    DeclareError {
        thing: step.thing(),
        name: step.name().to_owned(),
        source,
    }
}

/// What to grant.
fn grant(fault: &RabbitError, permission: &str, live: &LiveConnection, plan: &Plan) -> String {
    let status = live.connection.status();
    let patterns = match (plan.exchanges.first(), plan.queues.first()) {
        // A service's name holds no dot.
        (Some(exchange), Some(queue)) => {
            let service = queue.name.split('.').next().unwrap_or_default();
            Permissions::of(service, &exchange.name, false).configure
        }
        (Some(exchange), None) => format!("^{}$", exchange.name.replace('.', "\\.")),
        (None, _) => String::new(),
    };
    format!(
        "{fault}; its user lacks the `{permission}` permission; grant it by rabbitmqctl set_permissions -p '{}' '{}' \
         '{patterns}' '{patterns}' '{patterns}', or see `Declare::Verify` and `Declare::Off`",
        status.vhost(),
        status.username(),
    )
}

/// One error of all faults: the first, and the others behind its cause.
fn told(mut faults: Vec<DeclareError>) -> Result<(), DeclareError> {
    if faults.is_empty() {
        return Ok(());
    }
    let mut first = faults.remove(0);
    if !faults.is_empty() {
        first.source = Box::new(Several {
            first: first.source,
            others: faults,
        });
    }
    Err(first)
}

/// The cause of the first fault, and all others.
#[derive(Debug)]
struct Several {
    first: Box<dyn std::error::Error + Send + Sync>,
    others: Vec<DeclareError>,
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        for other in &self.others {
            let cause = std::error::Error::source(other)
                .map(ToString::to_string)
                .unwrap_or_default();
            write!(f, "\n  - {other}: {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Several {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text has it already; a program that looks for the drift finds it here.
        self.first.downcast_ref::<Drift>().map(|drift| drift as _)
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

    fn names(plan: &Plan, mode: Mode) -> Vec<String> {
        let steps = steps(plan, mode);
        steps.iter().map(|step| step.name().to_owned()).collect()
    }

    #[test]
    fn a_queue_is_bound_before_any_other_is_declared() {
        let plan = plan(&["a", "b", "c"], &["c", "a", "there", "a"]);
        let declared = ["domain_events", "a", "to.a", "to.a", "b", "c", "to.c", "to.there"];
        assert_eq!(names(&plan, Mode::Declare), declared);
    }

    #[test]
    fn bindings_are_not_looked_for() {
        let plan = plan(&["a", "b"], &["a", "b"]);
        assert_eq!(names(&plan, Mode::TopologyCheck), ["domain_events", "a", "b"]);
    }
}
