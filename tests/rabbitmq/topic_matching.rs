//! Topic matching: `topic::matches` agrees with the broker.

use std::collections::{BTreeSet, HashSet};

use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer, ExchangeKind};
use tidings::topic::matches;

use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::DEADLINE;

use crate::fixture::vhost;

const EXCHANGE: &str = "patterns";
const PATTERNS: usize = 500;
const KEYS: usize = 5_000;
/// The id of the last message of each queue.
const END: &str = "end";

/// The words of keys and patterns. In a pattern some are wildcards, and others only look like wildcards.
const WORDS: [&str; 10] = ["a", "b", "ab", "", "é", "日本", "*", "#", "a*", "##"];

/// A random generator (`SplitMix64`) with the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^= it >> 31;
        usize::try_from(it % u64::try_from(bound).unwrap()).unwrap()
    }

    fn words(&mut self, from: &[&'static str]) -> String {
        let count = self.below(7);
        let words: Vec<_> = (0..count).map(|_| from[self.below(from.len())]).collect();
        words.join(".")
    }
}

/// Extends the set to `count` distinct texts.
fn distinct(mut start: BTreeSet<String>, count: usize, mut next: impl FnMut() -> String) -> Vec<String> {
    while start.len() < count {
        start.insert(next());
    }
    start.into_iter().collect()
}

/// The longest keys: one word, non-ASCII words, empty words. None has the largest number of words, because old brokers
/// need seconds to match 256 words with a pattern that has three `#`.
fn long_keys() -> [String; 4] {
    let keys = [
        "aaaaaaa.".repeat(31) + "aaaaaaa",
        "x".repeat(255),
        "ééééé.日本.".repeat(13) + "ééééé.日本..",
        "aaaaaaaaaaaaa..".repeat(17),
    ];
    assert!(
        keys.iter().all(|key| (250..=255).contains(&key.len())),
        "{keys:?}"
    );
    keys
}

fn hashes(pattern: &str) -> usize {
    pattern.split('.').filter(|word| *word == "#").count()
}

fn patterns(numbers: &mut Numbers) -> Vec<String> {
    let mut patterns = BTreeSet::from(long_keys());
    patterns.insert("#.#.".to_owned() + &"aaaaaaa.".repeat(30) + "aaaaaaa");
    patterns.insert("aaaaaaa.".repeat(16) + "#" + &".*".repeat(16));
    // Every pattern of up to three of these words.
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    for _ in 0..3 {
        let longer = all
            .iter()
            .flat_map(|start| ["", "a", "*", "#"].map(|word| [&start[..], &[word]].concat()));
        all = longer.collect();
        patterns.extend(all.iter().map(|words| words.join(".")));
    }
    patterns.extend([".", "..", "..a", ".#.", "#.#.#", "#.a.#.b"].map(str::to_owned));
    let mixed = [&WORDS[..], &["*", "#", "a"]].concat();
    distinct(patterns, PATTERNS, || {
        loop {
            let pattern = numbers.words(&mixed);
            // New brokers refuse more than two `#`, and old brokers are slow with many.
            if hashes(&pattern) <= 3 {
                return pattern;
            }
        }
    })
}

fn keys(numbers: &mut Numbers) -> Vec<String> {
    let mut keys = BTreeSet::from(long_keys());
    keys.extend(["", ".", "..", "a.", ".a", "a..a"].map(str::to_owned));
    distinct(keys, KEYS, || numbers.words(&WORDS))
}

/// Declares and consumes a queue with this pattern. Returns `None` when the broker refuses the pattern.
async fn consumer_of(
    connection: &Connection,
    channel: &Channel,
    number: usize,
    pattern: &str,
) -> Option<Consumer> {
    let (queue, none) = (format!("pattern-{number}"), FieldTable::default);
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), options, none())
        .await
        .unwrap();
    // A refused binding closes its channel.
    let own = if hashes(pattern) > 2 {
        Some(connection.create_channel().await.unwrap())
    } else {
        None
    };
    let bound = own.as_ref().unwrap_or(channel).queue_bind(
        queue.as_str().into(),
        EXCHANGE.into(),
        pattern.into(),
        QueueBindOptions::default(),
        none(),
    );
    match (bound.await, own) {
        (Ok(()), _) => {}
        (Err(error), None) => panic!("the broker refuses {pattern:?}: {error}"),
        (Err(_), Some(_)) => return None,
    }
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consumer = channel.basic_consume(queue.as_str().into(), queue.as_str().into(), options, none());
    Some(consumer.await.unwrap())
}

/// Returns the sorted numbers of all keys that arrive before the last message.
async fn received(mut consumer: Consumer) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery.unwrap();
        match delivery.properties.message_id().as_ref().unwrap().as_str() {
            END => return numbers,
            number => numbers.push(number.parse().unwrap()),
        }
    }
    panic!("the consumer was cancelled");
}

/// Publishes all messages and waits for their confirms.
async fn publish(channel: &Channel, messages: impl Iterator<Item = (&str, &str, String)>) {
    let sent = messages.map(|(exchange, key, id)| {
        let properties = BasicProperties::default().with_message_id(id.into());
        channel.basic_publish(
            exchange.into(),
            key.into(),
            BasicPublishOptions::default(),
            b"",
            properties,
        )
    });
    let confirms = try_join_all(sent).await.unwrap();
    for confirm in try_join_all(confirms).await.unwrap() {
        assert!(matches!(confirm, Confirmation::Ack(_)), "{confirm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_routed_to_exactly_the_patterns_that_match_it() {
    let mut numbers = Numbers(2_026);
    let (patterns, keys) = (patterns(&mut numbers), keys(&mut numbers));
    let vhost = vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let (connection, channel) = (client.connection(), client.channel());
    channel
        .exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Topic,
            ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            },
            FieldTable::default(),
        )
        .await
        .unwrap();
    let consumers = patterns.iter().enumerate();
    let consumers =
        join_all(consumers.map(|(number, pattern)| consumer_of(connection, channel, number, pattern))).await;
    let refused: HashSet<&str> = patterns
        .iter()
        .zip(&consumers)
        .filter_map(|(pattern, consumer)| consumer.is_none().then_some(pattern.as_str()))
        .collect();
    let many: HashSet<&str> = patterns
        .iter()
        .map(String::as_str)
        .filter(|it| hashes(it) > 2)
        .collect();
    assert!(refused.is_empty() || refused == many, "{refused:?}");

    let publishing = connection.create_channel().await.unwrap();
    publishing
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let queues: Vec<String> = (0..patterns.len())
        .map(|number| format!("pattern-{number}"))
        .collect();
    let publishing = async {
        let all = keys.iter().enumerate();
        publish(
            &publishing,
            all.map(|(number, key)| (EXCHANGE, key.as_str(), number.to_string())),
        )
        .await;
        publish(
            &publishing,
            queues.iter().map(|queue| ("", queue.as_str(), END.to_owned())),
        )
        .await;
    };
    let receiving = join_all(patterns.iter().zip(consumers).map(async |(pattern, consumer)| {
        let mut received_keys = received(consumer?).await;
        received_keys.sort_unstable();
        Some((pattern, received_keys))
    }));
    let both = async { tokio::join!(publishing, receiving) };
    let ((), received) = tokio::time::timeout(DEADLINE, both).await.unwrap();

    let mut wrong = Vec::new();
    let mut pairs = 0;
    for (pattern, received_keys) in received.into_iter().flatten() {
        for (number, key) in keys.iter().enumerate() {
            pairs += 1;
            let reached = received_keys.binary_search(&number).is_ok();
            if reached != matches(pattern, key) {
                wrong.push((pattern, key, reached));
            }
        }
        assert!(
            received_keys.windows(2).all(|two| two[0] != two[1]),
            "{pattern:?} has a key twice"
        );
    }
    assert!(pairs >= (PATTERNS - many.len()) * KEYS, "{pairs} pairs");
    assert!(
        wrong.is_empty(),
        "{} pairs, first {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    connection.close(200, "OK".into()).await.unwrap();
}
