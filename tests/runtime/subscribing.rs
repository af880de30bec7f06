//! A handler subscribes again after the broker has ended its subscription.

use std::time::Duration;

use tidings::health::HandlerState;
use tidings::testing::MemoryServer;
use tidings::{Bus, RunningApp};
use tokio::time::timeout;

use crate::handlers::{Recorder, placed, plain, start};

const DEADLINE: Duration = Duration::from_secs(30);

async fn eventually(what: &str, is: impl Fn() -> bool) {
    timeout(DEADLINE, async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{what}"));
}

fn runs(app: &RunningApp) -> bool {
    app.health().handler("plain").unwrap().state == HandlerState::Running
}

/// While RabbitMQ deletes a queue, the declaration can find the queue and the binding can miss it. The queue may exist
/// again without a binding when the consumer subscribes.
#[tokio::test(start_paused = true)]
async fn a_queue_without_its_binding_is_bound_before_it_is_consumed() {
    let (server, recorder) = (MemoryServer::new(), Recorder::default());
    let bus = server.bus(Bus::builder());
    let app = start!(&bus, recorder, [plain]);
    server.refuse_next_binding("shop.plain");
    assert!(server.delete_queue("shop.plain"));
    eventually("the subscription ends", || !runs(&app)).await;
    eventually("the handler subscribes again", || runs(&app)).await;
    bus.publish(&placed("o-1", 1)).await.unwrap();
    eventually("the event is handled", || recorder.seen() == [(1, 1)]).await;
    app.shutdown().await.unwrap();
}
