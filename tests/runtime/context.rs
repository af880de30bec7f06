//! The context of a publish.

use tidings::testing::TestBus;

use crate::handlers::{Placed, placed};

#[tokio::test]
async fn a_publish_belongs_to_the_context_in_which_it_is_awaited() {
    let bus = TestBus::new();
    let context = tidings::Context::new("request-7").unwrap();
    context
        .clone()
        .scope(bus.publish(&placed("o-1", 1)))
        .await
        .unwrap();
    let events = [placed("o-2", 2), placed("o-3", 3)];
    for result in context.scope(bus.publish_all(&events)).await {
        result.unwrap();
    }
    let correlations: Vec<String> = bus
        .published::<Placed>()
        .iter()
        .map(|event| event.correlation_id().to_owned())
        .collect();
    assert_eq!(correlations, ["request-7"; 3]);
}
