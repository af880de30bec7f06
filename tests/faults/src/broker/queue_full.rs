//! One of the queues of an event is full.

use std::collections::HashSet;

use lapin::types::AMQPValue;
use tidings::Error;
use tidings::error::PublishFault;

use crate::harness::Harness;
use crate::publish_log::PublishResult;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;
use tidings_test_support::foreign_client::{ForeignClient, quorum_queue};
use tidings_test_support::wait::until;

/// How often an event reaches the other queues: at once, and after 0.2, 1 and 5 seconds.
const COPIES: usize = 4;

/// Publishes while the queue of another service refuses: publishers get errors, and the other queues get a few copies.
pub(super) async fn refusing(harness: &Harness) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let client = ForeignClient::connect(&virtual_host.url).await;
    let traffic = Load::on(&virtual_host.url).publishers(0, 0).start(harness).await;
    fill(&client).await;
    let mut row = harness.row();
    // The queue accepts a few more than ten messages before it refuses.
    let mut taken = 1;
    while taken > 0 {
        taken = traffic
            .burst(20)
            .await
            .iter()
            .filter(|results| results.is_ok())
            .count();
    }
    for _ in 0..harness.times() {
        let results = traffic.burst(100).await;
        let refused = results.iter().filter(|results| is_refused(results)).count();
        row.check(refused == results.len(), || {
            format!(
                "{refused} of {} publishers got the error of a refusing queue",
                results.len()
            )
        });
    }
    client
        .delete_queue("full")
        .await
        .expect("the full queue is deleted");
    let results = traffic.burst(100).await;
    row.check(results.iter().all(Result::is_ok), || {
        "publishing fails without the full queue".to_owned()
    });
    let account = traffic.finish().await;
    let seen = account.seen.as_ref().expect("there is a recorder");
    let most = seen.values().map(Vec::len).max().unwrap_or_default();
    row.check(most <= COPIES, || {
        format!("another queue received {most} copies of an event")
    });
    let one_id = |copies: &Vec<String>| copies.iter().collect::<HashSet<_>>().len() == 1;
    row.check(seen.values().all(one_id), || {
        "copies of an event had different ids".to_owned()
    });
    let missing = account
        .results
        .keys()
        .filter(|number| !seen.contains_key(number))
        .count();
    row.check(missing == 0, || {
        format!("{missing} events did not reach the other queues")
    });
    account.into_row(row)
}

/// Declares a queue that accepts ten messages and refuses the next.
async fn fill(client: &ForeignClient) {
    let mut arguments = quorum_queue(&[]);
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    client
        .bind("full", "fault.#", arguments)
        .await
        .expect("a queue is bound");
}

/// The queue of another service refuses until some publishers got errors. Then it is deleted.
pub(super) async fn refuse(target: &mut SoakTarget) {
    let client = target.client().await;
    let maybe = |target: &SoakTarget| {
        target
            .traffic
            .publish_log()
            .count(|results| matches!(results, PublishResult::MaybeDelivered(_)))
    };
    let before = maybe(target);
    fill(&client).await;
    until("publishers get the error of a refusing queue", async || {
        maybe(target) >= before + 20
    })
    .await;
    client
        .delete_queue("full")
        .await
        .expect("the full queue is deleted");
}

fn is_refused(results: &tidings::Result<String>) -> bool {
    match results {
        Err(Error::Publish(error)) => {
            matches!(error.fault(), PublishFault::Refused(_)) && error.maybe_delivered()
        }
        _ => false,
    }
}
