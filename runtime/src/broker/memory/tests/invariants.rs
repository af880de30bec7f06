//! What holds whatever is done to the broker, in whichever order.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::{Strategy, any, prop, proptest};

use super::{binding, body, declare, exchange, jump, message, now, queue, send, soon, subscribe, text};
use crate::broker::memory::MemoryBroker;
use crate::broker::memory::queue::Entry;
use crate::broker::memory::state::{MemoryState, Phase};
use crate::broker::{Broker, BrokerState, Subscription};
use crate::clock::Clock;
use crate::topology::{Argument, ExchangeKind};

/// One thing done to the broker; numbers pick among what is there.
#[derive(Debug, Clone)]
enum Step {
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

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::sample::select(QUEUES.to_vec());
    let who = || 0..4_usize;
    proptest::prop_oneof![
        10 => prop::sample::select(vec!["events", "", "delay"]).prop_map(Step::Publish),
        5 => (name(), 0..4_u16).prop_map(|(name, prefetch)| Step::Subscribe(name, prefetch)),
        10 => who().prop_map(Step::Poll),
        10 => (who(), 0..12_u64, any::<bool>()).prop_map(|(who, tag, multiple)| Step::Ack(who, tag, multiple)),
        5 => (who(), 0..12_u64).prop_map(|(who, tag)| Step::Requeue(who, tag)),
        1 => who().prop_map(Step::Cancel),
        3 => who().prop_map(Step::Drop),
        5 => prop::strategy::Just(Step::Jump),
        1 => name().prop_map(Step::Take),
        1 => name().prop_map(Step::Delete),
        1 => prop::strategy::Just(Step::Declare),
        1 => prop::strategy::Just(Step::GoDown),
        2 => prop::strategy::Just(Step::ComeBack),
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

async fn take_step(broker: &MemoryBroker, all: &mut Vec<Box<dyn Subscription>>, step: Step) {
    let is_up = broker.state() != BrokerState::Down("it is away".to_owned());
    match step {
        Step::Publish(exchange) => drop(send(broker, message(exchange, "key", "1"))),
        Step::Subscribe(name, prefetch) if is_up && broker.message_count(name).is_some() => {
            all.push(subscribe(broker, name, prefetch).await);
        }
        Step::Jump => drop(jump(broker).await),
        Step::Take(name) => drop(broker.take(name)),
        Step::Delete(name) => drop(broker.delete_queue(name)),
        Step::Declare if is_up => declare_all(broker).await,
        Step::GoDown => broker.go_down(),
        Step::ComeBack => broker.come_back(),
        Step::Drop(who) if who < all.len() => drop(all.remove(who)),
        Step::Poll(who) if who < all.len() => drop(now(&mut all[who])),
        Step::Ack(who, tag, multiple) if who < all.len() => all[who].ack(tag, multiple),
        Step::Requeue(who, tag) if who < all.len() => all[who].requeue(tag),
        Step::Cancel(who) if who < all.len() => all[who].cancel(),
        _ => {}
    }
}

/// The books balance: what is held is somewhere, and nothing waits that could move.
fn check(state: &MemoryState) {
    let mut held = 0;
    let mut watched = BTreeSet::new();
    for (id, queue) in state.queues.iter() {
        let unsettled = state
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.queue == Some(id))
            .map(|(_, consumer)| consumer.unsettled.len())
            .sum::<usize>();
        assert_eq!(queue.unsettled, unsettled, "unsettled of {}", queue.name);
        let candidates = queue
            .consumers
            .iter()
            .take(if queue.rules.single_active { 1 } else { usize::MAX });
        let has_room = candidates.into_iter().any(|id| state.consumers[*id].has_room());
        assert!(queue.ready.is_empty() || !has_room, "{} holds back", queue.name);
        assert!(queue.ready.iter().is_sorted_by_key(Entry::position));
        assert_eq!(queue.watched, queue.next_due(), "timer of {}", queue.name);
        watched.extend(queue.watched.map(|due| (due, id)));
        held += queue.len();
    }
    assert_eq!(state.due, watched);
    assert_eq!(state.capacity.messages(), held);
    let waits_for_room = state.capacity.is_full() || state.phase != Phase::Up;
    assert!(
        state.parked.is_empty() || waits_for_room,
        "a publish waits for nothing"
    );
}

proptest! {
    #[test]
    fn the_books_balance_after_every_step(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let broker = MemoryBroker::builder(Clock::virtual_time()).max_messages(8).build();
            declare_all(&broker).await;
            let mut subscriptions = Vec::new();
            for step in steps {
                take_step(&broker, &mut subscriptions, step).await;
                check(&broker.shared.lock());
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
async fn nothing_is_lost_between_threads_when_consumers_come_and_go() {
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
    let seen = soon(async {
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
            assert!(!matches!(now(&mut subscription), Poll::Ready(None)));
        }
        seen
    })
    .await;
    for publisher in publishers {
        soon(publisher).await.unwrap();
    }
    assert_eq!(seen.len(), 2 * EACH);
    assert_eq!(broker.message_count("q"), Some(0));
}
