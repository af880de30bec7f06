//! The answers of concurrent publishes, while connections and channels are lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::BasicConsumeOptions;
use lapin::types::AMQPValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::error::{PublishError, PublishFault};
use tidings::{Bus, DomainEvent, Error};
use tidings_broker::{Install, Setup};
use tidings_test_support::foreign_client::{ForeignClient, arguments, quorum_queue};
use tidings_test_support::wait::{blocking, within};
use tokio::task::JoinSet;

use crate::fixture::{Count, Happened, Relay, settings};

/// The tasks that publish to the queue that accepts events.
const TASKS: u64 = 32;
/// How many of these tasks' events are confirmed between two faults.
const CONFIRMED: usize = 1_200;
/// How often each fault happens.
const ROUNDS: usize = 3;

/// An event that is larger than the broker accepts, so the broker closes the channel.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "thing.grown", aggregate_id = number)]
struct TooLarge {
    number: usize,
    padding: String,
}

impl TooLarge {
    fn new(number: usize) -> Self {
        Self {
            number,
            padding: "x".repeat(200_000),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn no_publish_gets_the_answer_of_another_publish() {
    let node = blocking(|| {
        let setup = Setup::new(&Install::find().unwrap()).conf("max_message_size = 100000");
        setup.start().unwrap()
    })
    .await;
    let relay = Relay::start(&node.url()).await;
    let bus = settings()
        // A refused event is published three times: at once, after 0.2 s and after 1.2 s.
        .publish_timeout(Duration::from_secs(4))
        .connect(&relay.url)
        .await
        .unwrap();
    let client = ForeignClient::connect(&node.url()).await;
    client
        .bind("accepting", "thing.happened.accepted", quorum_queue(&[]))
        .await
        .unwrap();
    let in_full_queue = fill(&client).await;

    let traffic = Traffic::start(&bus);
    for round in 0..ROUNDS {
        traffic.flows().await;
        relay.cut();
        traffic.flows().await;
        bus.publish(&TooLarge::new(round)).await.unwrap_err();
    }
    let answers = within("the answers of all publishes", traffic.finish()).await;
    bus.close().await;

    let accepted = message_ids(&client, "accepting").await;
    for answer in &answers.of_accepted {
        assert_accepted(answer, &accepted);
    }
    let confirmed = answers.of_refused.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(confirmed, 0, "of {} refused events", answers.of_refused.len());
    for answer in &answers.of_refused {
        let fault = answer.as_ref().map_err(PublishError::fault);
        assert!(
            matches!(fault, Err(PublishFault::Refused(_) | PublishFault::TimedOut(_))),
            "{answer:?}"
        );
    }
    assert_eq!(client.depth("full").await, Some(in_full_queue));
}

/// Checks the answer of an event that the queue accepts, with the ids in that queue.
fn assert_accepted(answer: &Answer, accepted: &HashSet<String>) {
    match answer {
        Ok(id) => assert!(accepted.contains(id), "{id} is confirmed, and not in the queue"),
        Err(error) => {
            assert!(matches!(error.fault(), PublishFault::TimedOut(_)), "{error:?}");
            let is_accepted = accepted.contains(error.event_id());
            assert!(error.maybe_delivered() || !is_accepted, "{error:?}");
        }
    }
}

/// Declares a queue that refuses every event, and returns the number of its messages.
async fn fill(client: &ForeignClient) -> u32 {
    let limits = arguments(&[
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ]);
    // A classic queue. Each new channel may add some messages to a full quorum queue.
    client
        .bind("full", "thing.happened.refused", limits)
        .await
        .unwrap();
    let mut messages = 0;
    while client
        .publish("", "full", BasicProperties::default(), b"")
        .await
        .unwrap()
    {
        messages += 1;
    }
    messages
}

type Answer = Result<String, PublishError>;

#[derive(Default)]
struct Answers {
    of_accepted: Vec<Answer>,
    of_refused: Vec<Answer>,
}

/// Tasks that publish until the test has seen enough.
struct Traffic {
    tasks: JoinSet<Answers>,
    confirmed: Count,
    is_over: Arc<AtomicBool>,
}

impl Traffic {
    fn start(bus: &Bus) -> Self {
        let (confirmed, is_over) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (bus, confirmed, is_over) = (bus.clone(), confirmed.clone(), Arc::clone(&is_over));
            tasks.spawn(async move {
                let mut answers = Answers::default();
                let mut refused = JoinSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    // A refused event takes more than a second, so it is published beside the others.
                    refused.spawn(publish(bus.clone(), Happened::new(task, "refused")));
                    for _ in 0..3 {
                        let answer = publish(bus.clone(), Happened::new(task, "accepted")).await;
                        if answer.is_ok() {
                            confirmed.add();
                        }
                        answers.of_accepted.push(answer);
                    }
                }
                answers.of_refused = refused.join_all().await;
                answers
            });
        }
        Self {
            tasks,
            confirmed,
            is_over,
        }
    }

    /// Waits until the broker has confirmed more events.
    async fn flows(&self) {
        self.confirmed.reaches(self.confirmed.get() + CONFIRMED).await;
    }

    async fn finish(self) -> Answers {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Answers::default();
        for answers in self.tasks.join_all().await {
            all.of_accepted.extend(answers.of_accepted);
            all.of_refused.extend(answers.of_refused);
        }
        all
    }
}

async fn publish(bus: Bus, event: Happened) -> Answer {
    bus.publish(&event).await.map_err(|error| match error {
        Error::Publish(error) => error,
        other => panic!("{other:?}"),
    })
}

/// Takes all messages out of a queue, and returns their ids.
async fn message_ids(client: &ForeignClient, queue: &str) -> HashSet<String> {
    let depth = client.depth(queue).await.unwrap();
    let depth = usize::try_from(depth).unwrap();
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consumer = client
        .channel()
        .basic_consume(queue.into(), "reader".into(), options, arguments(&[]))
        .await
        .unwrap();
    let ids = consumer.take(depth).map(|delivery| {
        let delivery = delivery.unwrap();
        delivery.properties.message_id().as_ref().unwrap().to_string()
    });
    within("the messages of a queue", ids.collect()).await
}
