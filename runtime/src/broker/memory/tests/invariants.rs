//! Invariants that are true after every sequence of operations.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::{Strategy, any, prop, proptest};

use super::{
    binding, body, declare, exchange, in_time, jump, message, poll_now, queue, send, subscribe, text,
};
use crate::broker::memory::MemoryBroker;
use crate::broker::memory::state::{Availability, MemoryState};
use crate::broker::{Broker, BrokerState, Subscription};
use crate::clock::Clock;
use crate::topology::{Argument, ExchangeKind};

/// One operation on the broker. A `usize` is an index into the open subscriptions.
#[derive(Debug, Clone)]
enum BrokerStep {
    Publish(&'static str),
    Subscribe(&'static str, u16),
    Poll(usize),
    Ack(usize, u64, bool),
    Requeue(usize, u64),
    Cancel(usize),
    Drop(usize),
    Jump,
    Take(&'static str),
    Delete(&'static str),
    Declare,
    GoDown,
    ComeBack,
}

const QUEUES: [&str; 4] = ["plain", "single", "limited", "delay"];

fn step() -> impl Strategy<Value = BrokerStep> {
    let name = || prop::sample::select(QUEUES.to_vec());
    let index = || 0..4_usize;
    proptest::prop_oneof![
        10 => prop::sample::select(vec!["events", "", "delay"]).prop_map(BrokerStep::Publish),
        5 => (name(), 0..4_u16).prop_map(|(name, prefetch)| BrokerStep::Subscribe(name, prefetch)),
        10 => index().prop_map(BrokerStep::Poll),
        10 => (index(), 0..12_u64, any::<bool>()).prop_map(|(index, tag, multiple)| BrokerStep::Ack(index, tag, multiple)),
        5 => (index(), 0..12_u64).prop_map(|(index, tag)| BrokerStep::Requeue(index, tag)),
        1 => index().prop_map(BrokerStep::Cancel),
        3 => index().prop_map(BrokerStep::Drop),
        5 => prop::strategy::Just(BrokerStep::Jump),
        1 => name().prop_map(BrokerStep::Take),
        1 => name().prop_map(BrokerStep::Delete),
        1 => prop::strategy::Just(BrokerStep::Declare),
        1 => prop::strategy::Just(BrokerStep::GoDown),
        2 => prop::strategy::Just(BrokerStep::ComeBack),
    ]
}

async fn declare_all(broker: &MemoryBroker) {
    declare(broker, exchange("events", ExchangeKind::Topic)).await;
    declare(broker, exchange("delay", ExchangeKind::Fanout)).await;
    declare(broker, exchange("dead", ExchangeKind::Direct)).await;
    declare(broker, queue("plain", [])).await;
    declare(
        broker,
        queue("single", [("x-single-active-consumer", Argument::Flag(true))]),
    )
    .await;
    let dead_letters = ("x-dead-letter-exchange", text("dead"));
    let at_least_once = ("x-dead-letter-strategy", text("at-least-once"));
    let limit = ("x-delivery-limit", Argument::Number(1));
    declare(
        broker,
        queue("limited", [limit, dead_letters.clone(), at_least_once.clone()]),
    )
    .await;
    let ttl = ("x-message-ttl", Argument::Number(1_000));
    declare(broker, queue("delay", [ttl, dead_letters, at_least_once])).await;
    for (exchange, pattern, queue) in [
        ("events", "#", "plain"),
        ("events", "#", "limited"),
        ("events", "key", "single"),
        ("delay", "", "delay"),
        ("dead", "key", "plain"),
    ] {
        declare(broker, binding(exchange, pattern, queue)).await;
    }
}

async fn run_step(broker: &MemoryBroker, all: &mut Vec<Box<dyn Subscription>>, step: BrokerStep) {
    let is_up = !matches!(broker.state(), BrokerState::Down(_));
    match step {
        BrokerStep::Publish(exchange) => drop(send(broker, message(exchange, "key", "1"))),
        BrokerStep::Subscribe(name, prefetch) if is_up && broker.message_count(name).is_some() => {
            all.push(subscribe(broker, name, prefetch).await);
        }
        BrokerStep::Jump => drop(jump(broker).await),
        BrokerStep::Take(name) => drop(broker.take(name)),
        BrokerStep::Delete(name) => drop(broker.delete_queue(name)),
        BrokerStep::Declare if is_up => declare_all(broker).await,
        BrokerStep::GoDown => broker.go_down(),
        BrokerStep::ComeBack => broker.come_back(),
        BrokerStep::Drop(index) if index < all.len() => drop(all.remove(index)),
        BrokerStep::Poll(index) if index < all.len() => drop(poll_now(&mut all[index])),
        BrokerStep::Ack(index, tag, multiple) if index < all.len() => all[index].ack(tag, multiple),
        BrokerStep::Requeue(index, tag) if index < all.len() => all[index].requeue(tag),
        BrokerStep::Cancel(index) if index < all.len() => all[index].cancel(),
        _ => {}
    }
}

/// Checks that the counters are exact, and that no message or publish waits without a reason.
fn check_invariants(state: &MemoryState) {
    let mut messages = 0;
    let mut scheduled = BTreeSet::new();
    for (id, queue) in state.queues.iter() {
        let unsettled = state
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.queue == Some(id))
            .map(|(_, consumer)| consumer.unsettled.len())
            .sum::<usize>();
        assert_eq!(queue.unsettled, unsettled, "unsettled of {}", queue.name);
        let candidates = queue.consumers.iter().take(if queue.options.single_active {
            1
        } else {
            usize::MAX
        });
        let can_deliver = candidates.into_iter().any(|id| !state.consumers[*id].is_full());
        assert!(
            queue.ready.is_empty() || !can_deliver,
            "{} does not deliver",
            queue.name
        );
        assert!(queue.ready.iter().is_sorted_by_key(|entry| entry.position));
        assert_eq!(queue.scheduled_at, queue.next_due(), "timer of {}", queue.name);
        scheduled.extend(queue.scheduled_at.map(|due| (due, id)));
        messages += queue.len();
    }
    assert_eq!(state.due_queues, scheduled);
    assert_eq!(state.capacity.messages(), messages);
    let must_wait = state.capacity.is_full() || state.availability != Availability::Up;
    assert!(
        state.pending.is_empty() || must_wait,
        "a publish waits without a reason"
    );
}

proptest! {
    #[test]
    fn every_invariant_is_true_after_every_step(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let broker = MemoryBroker::builder(Clock::virtual_time()).max_messages(8).build();
            declare_all(&broker).await;
            let mut subscriptions = Vec::new();
            for step in steps {
                run_step(&broker, &mut subscriptions, step).await;
                check_invariants(&broker.shared.lock());
            }
            drop(subscriptions);
            broker.come_back();
            for name in broker.queue_names() {
                broker.delete_queue(&name);
            }
            assert_eq!(broker.shared.lock().capacity.messages(), 0);
            assert_eq!(broker.shared.lock().capacity.bytes(), 0);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_lost_when_consumers_start_and_end_on_other_threads() {
    const EACH: usize = 500;
    let broker = Arc::new(MemoryBroker::builder(Clock::real()).max_messages(64).build());
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    declare(&broker, queue("q", [])).await;
    declare(&broker, binding("events", "#", "q")).await;
    let publishers: Vec<_> = (0..2)
        .map(|publisher| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                for number in 0..EACH {
                    let answer = send(
                        &broker,
                        message("events", "key", &format!("{publisher}.{number}")),
                    );
                    answer.await.unwrap().unwrap();
                }
            })
        })
        .collect();
    let seen = in_time(async {
        let mut seen = BTreeSet::new();
        while seen.len() < 2 * EACH {
            let mut subscription = subscribe(&broker, "q", 16).await;
            for _ in 0..10 {
                let next = poll_fn(|cx| subscription.poll_next(cx));
                let Ok(Some(incoming)) = tokio::time::timeout(Duration::from_millis(50), next).await else {
                    break;
                };
                seen.insert(body(&incoming.message));
                subscription.ack(incoming.tag, false);
            }
            assert!(!matches!(poll_now(&mut subscription), Poll::Ready(None)));
        }
        seen
    })
    .await;
    for publisher in publishers {
        in_time(publisher).await.unwrap();
    }
    assert_eq!(seen.len(), 2 * EACH);
    assert_eq!(broker.message_count("q"), Some(0));
}
