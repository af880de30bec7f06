//! A full queue that is bound to an event refuses it.

use std::collections::HashSet;
use std::sync::Arc;

use lapin::types::AMQPValue;
use tidings::Error;
use tidings::error::PublishFault;
use tidings_broker::Node;

use crate::harness::{Harness, VirtualHost};
use crate::publish_log::PublishResult;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::Load;
use tidings_test_support::foreign_client::{ForeignClient, quorum_queue};
use tidings_test_support::wait::{blocking, until};

/// How many copies of a refused event the other queues receive: at once, and after 0.2, 1 and 5 seconds.
const COPIES: usize = 4;

/// Publishes while the queue of another service is full. Publishers get errors, and the other queues get a few copies.
pub(super) async fn full(harness: &Harness) -> Row {
    let node = harness.shared_node().await;
    let virtual_host = harness.virtual_host(&node).await;
    let client = ForeignClient::connect(&virtual_host.url).await;
    let traffic = Load::on(&virtual_host.url).publishers(0, 0).start(harness).await;
    fill(&client).await;
    let mut row = harness.row();
    // The queue accepts a few more than ten messages before it refuses.
    while traffic.burst(20).await.iter().any(Result::is_ok) {}
    for _ in 0..harness.times() {
        let results = traffic.burst(100).await;
        let refused = results.iter().filter(|result| is_refused(result)).count();
        row.check(refused == results.len(), || {
            format!(
                "{refused} of {} publishers got the error of a full queue",
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

/// Makes the matching queues of a virtual host refuse messages beyond `max_length`.
pub(super) async fn limit_queues(
    node: &Arc<Node>,
    virtual_host: &VirtualHost,
    pattern: &'static str,
    max_length: u32,
) {
    let (node, vhost) = (Arc::clone(node), virtual_host.vhost.clone());
    blocking(move || {
        let definition = format!(r#"{{"max-length":{max_length},"overflow":"reject-publish"}}"#);
        let mut set = vec!["set_policy", "-p", &vhost, "limit", pattern, &definition];
        set.extend(["--apply-to", "queues"]);
        node.ctl(&set).expect("the policy is set");
    })
    .await;
}

/// Declares a queue that refuses messages once it has about ten.
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

/// Declares a queue that is soon full, and deletes it after some publishers got errors.
pub(super) async fn fill_and_delete(target: &mut SoakTarget) {
    let client = target.client().await;
    let errors = |target: &SoakTarget| {
        target
            .traffic
            .publish_log()
            .count(|result| matches!(result, PublishResult::MaybeDelivered(_)))
    };
    let before = errors(target);
    fill(&client).await;
    until("publishers get the error of a full queue", async || {
        errors(target) >= before + 20
    })
    .await;
    client
        .delete_queue("full")
        .await
        .expect("the full queue is deleted");
}

fn is_refused(result: &tidings::Result<String>) -> bool {
    match result {
        Err(Error::Publish(error)) => {
            matches!(error.fault(), PublishFault::Refused(_)) && error.maybe_delivered()
        }
        _ => false,
    }
}
