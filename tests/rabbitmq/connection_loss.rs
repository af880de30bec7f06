//! Publishing while the broker is down. The faults suite shows that no event is lost then.

use std::sync::Arc;
use std::time::Duration;

use tidings_test_support::wait::{blocking, until};

use crate::fixture::{Happened, node, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_waits_for_a_broker_that_is_down_and_fails_as_not_delivered_after_the_timeout() {
    let node = node().await;
    let bus = settings()
        .publish_timeout(Duration::from_secs(3))
        .connect(&node.url())
        .await
        .unwrap();
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    let killed = Arc::clone(&node);
    blocking(move || killed.kill()).await;
    until("the bus is disconnected", async || !bus.health().connected).await;
    // The first publish may be sent before the loss of the connection is noticed.
    assert!(bus.publish(&Happened::new(2, "a")).await.is_err());
    let error = bus.publish(&Happened::new(2, "a")).await.unwrap_err();
    assert!(error.to_string().contains("it was not delivered"), "{error}");
    let retrying = bus.clone();
    let waiting =
        tokio::spawn(async move { while retrying.publish(&Happened::new(3, "a")).await.is_err() {} });
    let restarted = Arc::clone(&node);
    blocking(move || restarted.start_again().unwrap()).await;
    waiting.await.unwrap();
    bus.close().await;
}
