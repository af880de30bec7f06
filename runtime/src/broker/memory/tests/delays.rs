//! Expiry of messages, on a virtual clock.

use std::time::Duration;

use super::{
    binding, bodies, broker, broker_with_queue, death, declare, drain, ephemeral, exchange, in_time, jump,
    message, publish, publish_expiring, queue, send, shop_plan, subscribe, text,
};
use crate::broker::memory::MemoryBroker;
use crate::broker::{Broker, Incoming};
use crate::clock::Clock;
use crate::message::headers::HeaderValue;
use crate::topology::{Argument, ExchangeKind, Names, Plan};

const SECOND: Duration = Duration::from_secs(1);

/// A broker with the topology of a service `shop`. The queue `shop.pay` and a deleted queue have delays of 1 s and 5 s.
async fn shop(clock: Clock) -> MemoryBroker {
    let broker = MemoryBroker::new(clock);
    let names = Names::of("shop");
    let mut plan = shop_plan();
    for queue in ["shop.pay", "shop.deleted"] {
        plan.merge(Plan::delay(&names, queue, SECOND));
        plan.merge(Plan::delay(&names, queue, 5 * SECOND));
    }
    declare(&broker, plan).await;
    broker
}

async fn next_now(broker: &MemoryBroker, queue: &str) -> Incoming {
    super::next(&mut subscribe(broker, queue, 1).await).await
}

#[tokio::test]
async fn a_delayed_message_comes_back_to_its_queue_through_the_return_exchange() {
    let broker = shop(Clock::virtual_time()).await;
    publish(&broker, "shop.delay", "shop.pay.delay.5s", "late").await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "soon").await;
    assert_eq!(broker.message_count("shop.pay"), Some(0));

    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed(), SECOND);
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), ["soon"]);

    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed(), 5 * SECOND);
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), ["soon", "late"]);
    assert!(!jump(&broker).await, "no timer is left");

    let back = next_now(&broker, "shop.pay").await;
    assert_eq!(
        (&*back.message.exchange, &*back.message.routing_key),
        ("shop.return", "shop.pay")
    );
    let death = death(&back.message);
    assert_eq!(death.text("reason"), Some("expired"));
    assert_eq!(death.text("queue"), Some("shop.pay.delay.1s"));
    assert_eq!(death.text("exchange"), Some("shop.delay"));
    assert_eq!(death.get("count").and_then(HeaderValue::as_i64), Some(1));
}

#[tokio::test]
async fn messages_that_are_due_at_the_same_time_return_in_order() {
    let broker = shop(Clock::virtual_time()).await;
    let sent: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    for body in &sent {
        publish(&broker, "shop.delay", "shop.pay.delay.1s", body).await;
    }
    assert!(jump(&broker).await);
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), sent);
}

#[tokio::test]
async fn a_retry_for_a_deleted_queue_is_an_orphan_and_blocks_no_other_retry() {
    let broker = shop(Clock::virtual_time()).await;
    publish(&broker, "shop.delay", "shop.deleted.delay.1s", "lost").await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "live").await;
    jump(&broker).await;
    assert_eq!(bodies(&broker.queue_messages("shop.orphans")), ["lost"]);
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), ["live"]);
}

#[tokio::test]
async fn an_expired_message_is_delivered_at_once_to_a_waiting_consumer() {
    let broker = shop(Clock::virtual_time()).await;
    let mut subscription = subscribe(&broker, "shop.pay", 1).await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "1").await;
    assert!(!broker.is_busy());
    broker.clock().advance_to_next();
    assert!(broker.is_busy(), "busy until the delivery is settled");
    let incoming = super::next(&mut subscription).await;
    assert!(broker.is_busy());
    subscription.ack(incoming.tag, false);
    jump(&broker).await;
    assert!(!broker.is_busy());
}

#[tokio::test]
async fn a_message_with_an_expiration_is_dropped_when_its_queue_has_no_dead_letter_exchange() {
    let broker = broker_with_queue().await;
    publish_expiring(&broker, "events", "key", "1", "250").await;
    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed(), Duration::from_millis(250));
    assert_eq!(broker.message_count("q"), Some(0));
}

#[tokio::test]
async fn a_message_expires_at_the_head_only() {
    let broker = broker_with_queue().await;
    publish_expiring(&broker, "events", "key", "slow", "2000").await;
    publish_expiring(&broker, "events", "key", "fast", "1000").await;
    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed(), 2 * SECOND);
    assert_eq!(broker.message_count("q"), Some(0));
    assert!(!jump(&broker).await);
}

#[tokio::test]
async fn an_unsettled_message_does_not_expire_before_it_returns() {
    let broker = shop(Clock::virtual_time()).await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "1").await;
    let consumer = subscribe(&broker, "shop.pay.delay.1s", 1).await;
    assert!(!jump(&broker).await, "an unsettled message has no timer");
    drop(consumer);
    assert!(jump(&broker).await);
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), ["1"]);
}

#[tokio::test]
async fn a_removed_message_leaves_no_timer() {
    let broker = shop(Clock::virtual_time()).await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "1").await;
    assert_eq!(bodies(&broker.take("shop.pay.delay.1s")), ["1"]);
    publish(&broker, "shop.delay", "shop.pay.delay.5s", "2").await;
    assert!(broker.delete_queue("shop.pay.delay.5s"));
    assert!(!jump(&broker).await);
}

#[tokio::test]
async fn a_cycle_of_expiries_ends() {
    let broker = broker();
    declare(&broker, exchange("e", ExchangeKind::Fanout)).await;
    let arguments = [
        ("x-message-ttl", Argument::Number(0)),
        ("x-dead-letter-exchange", text("e")),
    ];
    declare(&broker, queue("cycle", arguments)).await;
    declare(&broker, binding("e", "", "cycle")).await;
    publish(&broker, "e", "key", "1").await;
    jump(&broker).await;
    assert_eq!(broker.message_count("cycle"), Some(0));
}

#[tokio::test]
async fn delays_run_on_the_systems_clock_too() {
    let broker = shop(Clock::real()).await;
    let mut plan = Plan::delay(&Names::of("shop"), "shop.pay", Duration::from_millis(5));
    plan.merge(binding("domain_events", "#", "shop.pay"));
    declare(&broker, plan).await;
    let mut subscription = subscribe(&broker, "shop.pay", 1).await;
    publish(&broker, "shop.delay", "shop.pay.delay.5ms", "1").await;
    super::next(&mut subscription).await;
}

#[test]
fn a_broker_needs_no_tokio_runtime_before_its_first_delay() {
    let broker = MemoryBroker::new(Clock::virtual_time());
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let first = runtime();
    first.block_on(async {
        let names = Names::of("shop");
        let mut plan = Plan::service(&names);
        plan.merge(Plan::delay(&names, "shop.deleted", SECOND));
        declare(&broker, plan).await;
    });
    // The broker accepts a publish outside of a tokio runtime. The delay starts with the next call from a runtime.
    drop(send(&broker, message("shop.delay", "shop.deleted.delay.1s", "1")));
    first.block_on(async { declare(&broker, Plan::default()).await });
    // The expiry task ends with its runtime, but the broker does not.
    drop(first);
    runtime().block_on(async {
        declare(&broker, Plan::default()).await;
        assert!(jump(&broker).await);
        assert_eq!(broker.message_count("shop.orphans"), Some(1));
    });
}

#[tokio::test]
async fn the_expiry_task_ends_with_the_broker() {
    let clock = Clock::virtual_time();
    let broker = shop(clock.clone()).await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "1").await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 1);
    // Let the task start and wait for its timer.
    tokio::task::yield_now().await;
    drop(broker);
    in_time(async {
        while tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!clock.advance_to_next(), "the timer is dropped too");
}

#[tokio::test]
async fn a_subscription_that_outlives_the_broker_still_yields_its_deliveries() {
    let broker = shop(Clock::virtual_time()).await;
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    let mut subscription = ephemeral(&broker, "#").await;
    publish(&broker, "shop.delay", "shop.pay.delay.1s", "1").await;
    publish(&broker, "events", "key", "2").await;
    drop(broker);
    assert_eq!(drain(&mut subscription), ["2"]);
}
