//! The fixture of every test: a virtual host, a bus, and services whose handlers record events.

use std::fmt;

use tidings::{AnyEvent, App, Bus, Delivery, Event, RunningApp, State, event_handler, handlers};
use tidings_broker::Vhost;
use tidings_test_support::error_text;
use tidings_test_support::wait::{blocking, within};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::{OrderCreated, PaymentSettled};

/// A virtual host for one test, and a bus on it.
#[derive(Debug)]
pub(crate) struct Fixture {
    vhost: Vhost<'static>,
    bus: OnceCell<Bus>,
}

impl Fixture {
    /// Creates an empty virtual host. The first client that connects declares the exchange.
    pub(crate) async fn new() -> Self {
        let vhost = blocking(|| tidings_broker::shared().vhost()).await;
        let vhost = vhost.expect("the node creates a virtual host");
        let bus = OnceCell::new();
        Self { vhost, bus }
    }

    /// Returns our bus. It connects at the first call.
    pub(crate) async fn bus(&self) -> &Bus {
        self.bus
            .get_or_init(async || {
                // Retry delays are divided by 20: a rung of one second takes 50 ms.
                let bus = Bus::builder().service("tests").speed_up(20);
                let connected = within("the connection", bus.connect(&self.url())).await;
                connected.unwrap_or_else(|error| panic!("cannot connect: {}", error_text(&error)))
            })
            .await
    }

    pub(crate) fn url(&self) -> String {
        self.vhost.url()
    }

    pub(crate) async fn end(self) {
        if let Some(bus) = self.bus.get() {
            within("the end of the connection", bus.close()).await;
        }
    }

    /// Starts the service `watch`, whose handlers record every event.
    pub(crate) async fn record(&self) -> RecordingService {
        let handlers = |app: App<Recorder>| app.handlers(handlers![watch_orders, watch_rest]);
        self.recording_service("watch", handlers).await
    }

    /// Starts the service `failing`, whose handler fails at both of its attempts.
    pub(crate) async fn fail_twice(&self) -> RecordingService {
        let handlers = |app: App<Recorder>| app.handlers(handlers![fail]);
        self.recording_service("failing", handlers).await
    }

    async fn recording_service(
        &self,
        name: &str,
        handlers: impl FnOnce(App<Recorder>) -> App<Recorder>,
    ) -> RecordingService {
        let (orders, recorded_orders) = unbounded_channel();
        let (rest, recorded_rest) = unbounded_channel();
        let app = handlers(App::new(name).state(Recorder { orders, rest }));
        RecordingService {
            app: start(app, self.bus().await).await,
            orders: recorded_orders,
            rest: recorded_rest,
        }
    }

    /// Starts the service `payments`, which returns a payment for each order.
    pub(crate) async fn start_payments(&self) -> RunningApp {
        start(
            App::new("payments").handlers(handlers![take_payment]),
            self.bus().await,
        )
        .await
    }
}

async fn start<S: Send + Sync + 'static>(app: App<S>, bus: &Bus) -> RunningApp {
    let started = within("the start of the app", app.start(bus)).await;
    started.unwrap_or_else(|error| panic!("cannot start the app: {}", error_text(&error)))
}

/// A service of ours and the events that its handlers recorded.
#[derive(Debug)]
pub(crate) struct RecordingService {
    pub(crate) app: RunningApp,
    orders: UnboundedReceiver<(Event<OrderCreated>, Delivery)>,
    rest: UnboundedReceiver<(AnyEvent, Delivery)>,
}

impl RecordingService {
    pub(crate) async fn order(&mut self) -> (Event<OrderCreated>, Delivery) {
        within("an order", self.orders.recv())
            .await
            .expect("the app runs")
    }

    /// Waits for the next event of another type.
    pub(crate) async fn rest(&mut self) -> (AnyEvent, Delivery) {
        within("an event", self.rest.recv()).await.expect("the app runs")
    }

    /// Ends the service. It must not have received other events.
    pub(crate) async fn end(mut self) {
        self.app.shutdown().await.expect("no handler is running");
        if let Ok((order, delivery)) = self.orders.try_recv() {
            panic!("unexpected: {order:?}, {delivery:?}");
        }
        if let Ok((event, delivery)) = self.rest.try_recv() {
            panic!("unexpected: {event:?}, {delivery:?}");
        }
    }
}

/// The state of the handlers, which send each event to the test.
#[derive(Clone)]
struct Recorder {
    orders: UnboundedSender<(Event<OrderCreated>, Delivery)>,
    rest: UnboundedSender<(AnyEvent, Delivery)>,
}

#[event_handler("order.created")]
async fn watch_orders(order: Event<OrderCreated>, delivery: Delivery, State(recorder): State<Recorder>) {
    // The test may have ended.
    let _ = recorder.orders.send((order, delivery));
}

#[event_handler("shipment.#")]
async fn watch_rest(event: AnyEvent, delivery: Delivery, State(recorder): State<Recorder>) {
    let _ = recorder.rest.send((event, delivery));
}

#[event_handler("order.created", retry(attempts = 2, rungs = "1s"))]
async fn fail(
    order: Event<OrderCreated>,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), Failure> {
    let _ = recorder.orders.send((order, delivery));
    Err(Failure)
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not now")
    }
}

impl std::error::Error for Failure {}

#[event_handler("order.created")]
async fn take_payment(order: OrderCreated) -> PaymentSettled {
    PaymentSettled {
        order_id: order.order_id,
        amount_cents: order.total_cents,
        method: Some(order.customer),
    }
}
