use std::fs;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, event_handler, handlers};
use uuid::Uuid;

use super::*;

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created")]
struct OrderCreated {
    order_id: String,
}

#[event_handler("order.created", "order.#")]
async fn take_payment(_: OrderCreated) {}

#[event_handler]
async fn refund(_: OrderCreated) {}

mod later {
    use super::{OrderCreated, event_handler};

    /// The handler has lost a pattern.
    #[event_handler("order.created", name = "take_payment")]
    pub(super) async fn narrower(_: OrderCreated) {}

    /// The queue has another argument.
    #[event_handler("order.created", "order.#", name = "take_payment", single_active)]
    pub(super) async fn single(_: OrderCreated) {}

    /// The handler has another queue, as the finding says.
    #[event_handler(
        "order.created",
        name = "take_payment",
        queue = "take_payment_2",
        single_active
    )]
    pub(super) async fn moved(_: OrderCreated) {}

    /// The delays have changed.
    #[event_handler("order.created", "order.#", name = "take_payment", retry(rungs = "1s"))]
    pub(super) async fn with_other_rungs(_: OrderCreated) {}
}

/// A `topology.json` in a folder that is deleted after the test.
struct Committed(PathBuf);

impl Committed {
    fn of(app: &App) -> Self {
        let committed = Self(std::env::temp_dir().join(format!("tidings-topology-{}", Uuid::now_v7())));
        check(&committed.path(), [&app.describe()], true).unwrap();
        committed
    }

    fn path(&self) -> PathBuf {
        self.0.join("topology.json")
    }

    /// Returns the error for an app. Write mode must give the same error.
    fn error_for(&self, app: &App) -> String {
        let before = fs::read_to_string(self.path()).unwrap();
        let error = check(&self.path(), [&app.describe()], true).unwrap_err();
        assert_eq!(
            fs::read_to_string(self.path()).unwrap(),
            before,
            "write mode changed the file"
        );
        error.to_string()
    }

    fn accepts(&self, app: &App) {
        check(&self.path(), [&app.describe()], true).unwrap();
        check(&self.path(), [&app.describe()], false).unwrap();
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn both() -> App {
    App::new("payments").handlers(handlers![take_payment, refund])
}

#[test]
fn a_new_queue_is_a_difference_to_accept() {
    let committed = Committed::of(&App::new("payments").handlers(handlers![refund]));
    let error = check(&committed.path(), [&both().describe()], false).unwrap_err();
    assert!(matches!(error, Error::Outdated(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("+        \"payments.take_payment\": {"),
        "{error}"
    );
    assert!(error.to_string().contains("TIDINGS_CONTRACTS=write"), "{error}");
    committed.accepts(&both());
}

#[test]
fn a_queue_that_vanishes_is_a_finding_until_it_is_retired() {
    let committed = Committed::of(&both());
    let without = || App::new("payments").handlers(handlers![refund]);
    assert_eq!(
        committed.error_for(&without()),
        "the topology differs from the committed one\n  - queue-vanished  `payments.take_payment`: no handler takes from it \
         any more; it stays bound, and would fill up; write `.retired(\"take_payment\", [\"order.#\", \
         \"order.created\"])` on the app, or restore its handler"
    );
    // The queue still receives events by the pattern that the retired entry lacks.
    let error = committed.error_for(&without().retired("take_payment", ["order.created"]));
    assert!(
        error.contains("it is retired, and stays bound by \"order.#\""),
        "{error}"
    );
    let retired = without().retired("take_payment", ["order.#", "order.created"]);
    committed.accepts(&retired);
    assert!(
        !fs::read_to_string(committed.path())
            .unwrap()
            .contains("take_payment")
    );
    // The line can be removed after the queue is deleted.
    committed.accepts(&without());
}

#[test]
fn a_pattern_that_vanishes_is_a_finding_until_it_is_retired() {
    let committed = Committed::of(&both());
    let narrower = || App::new("payments").handlers(handlers![later::narrower, refund]);
    let error = committed.error_for(&narrower());
    assert!(
        error.ends_with(
            "pattern-vanished  `payments.take_payment`: no handler has \"order.#\" any more; the queue stays bound by \
             it; write `.retired(\"take_payment\", [\"order.#\"])` on the app, or restore its handler"
        ),
        "{error}"
    );
    committed.accepts(&narrower().retired("take_payment", ["order.#"]));
}

#[test]
fn a_changed_argument_is_a_finding_with_a_hint_that_works() {
    let committed = Committed::of(&both());
    let single = App::new("payments").handlers(handlers![later::single, refund]);
    let error = committed.error_for(&single);
    assert!(
        error.ends_with(
            "argument-changed  `payments.take_payment`: its argument `x-single-active-consumer` was not there and is \
             true now; a broker that has it refuses the service; give its handler another `queue`, and write \
             `.retired(\"take_payment\", [\"order.#\", \"order.created\"])` on the app"
        ),
        "{error}"
    );
    let moved = App::new("payments")
        .handlers(handlers![later::moved, refund])
        .retired("take_payment", ["order.#", "order.created"]);
    committed.accepts(&moved);
}

#[test]
fn an_unused_delay_queue_is_no_finding() {
    let committed = Committed::of(&App::new("payments").handlers(handlers![take_payment]));
    committed.accepts(&App::new("payments").handlers(handlers![later::with_other_rungs]));
}

#[test]
fn a_service_that_is_not_described_any_more_is_a_finding() {
    let committed = Committed::of(&both());
    let other = App::new("billing").handlers(handlers![refund]);
    let error = committed.error_for(&other);
    assert!(error.contains("service-vanished  `payments`"), "{error}");
    check(&committed.path(), [&both().describe(), &other.describe()], true).unwrap();
}

#[test]
fn a_malformed_topology_file_is_an_error_with_path_and_reason() {
    let committed = Committed::of(&both());
    fs::write(committed.path(), "{}").unwrap();
    let error = format!(
        "{:?}",
        check(&committed.path(), [&both().describe()], false).unwrap_err()
    );
    assert!(
        error.contains("topology.json") && error.contains("missing field `services`"),
        "{error}"
    );
}
