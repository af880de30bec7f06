//! Our side: a broker of the test's own, and services of ours whose handlers show what they got.

use std::fmt;

use tidings::{AnyEvent, App, Bus, Delivery, Event, FromRef, RunningApp, State, event_handler, handlers};
use tidings_broker::Vhost;
use tokio::sync::OnceCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::{OrderCreated, PaymentSettled};
use crate::program::soon;

/// What a test runs in: a vhost of its own, and a bus on it.
#[derive(Debug)]
pub(crate) struct World {
    vhost: Vhost<'static>,
    bus: OnceCell<Bus>,
}

impl World {
    /// A new one, with nothing in it: whoever connects first declares the exchange.
    pub(crate) async fn new() -> Self {
        let vhost = tokio::task::spawn_blocking(|| tidings_broker::shared().vhost());
        let vhost = vhost.await.expect("RabbitMQ starts").expect("there is a vhost");
        let bus = OnceCell::new();
        Self { vhost, bus }
    }

    /// Our bus, which connects when it is first asked for.
    pub(crate) async fn bus(&self) -> &Bus {
        self.bus
            .get_or_init(async || {
                // Twenty times as fast: the rung of a second waits 50 ms.
                let bus = Bus::builder().service("tests").speed_up(20);
                let connected = soon("the connection", bus.connect(&self.url())).await;
                connected.unwrap_or_else(|error| panic!("cannot connect: {}", causes(&error)))
            })
            .await
    }

    pub(crate) fn url(&self) -> String {
        self.vhost.url()
    }

    /// Closes the connection.
    pub(crate) async fn end(self) {
        if let Some(bus) = self.bus.get() {
            soon("the end of the connection", bus.close()).await;
        }
    }

    /// Starts the service `watch`, whose handlers take everything, and show it.
    pub(crate) async fn watch(&self) -> Watch {
        let (orders, seen_orders) = unbounded_channel();
        let (rest, seen_rest) = unbounded_channel();
        let app = App::new("watch")
            .state(Shows { orders, rest })
            .handlers(handlers![watch_orders, watch_rest]);
        Watch {
            app: start(app, self.bus().await).await,
            orders: seen_orders,
            rest: seen_rest,
        }
    }

    /// Starts the service `failing`, whose one handler fails twice, and gives up.
    pub(crate) async fn fail(&self) -> Watch {
        let (orders, seen_orders) = unbounded_channel();
        let (rest, seen_rest) = unbounded_channel();
        let app = App::new("failing")
            .state(Shows { orders, rest })
            .handlers(handlers![fail]);
        Watch {
            app: start(app, self.bus().await).await,
            orders: seen_orders,
            rest: seen_rest,
        }
    }

    /// Starts the service `payments`, which answers each order with its payment.
    pub(crate) async fn answer(&self) -> RunningApp {
        start(
            App::new("payments").handlers(handlers![take_payment]),
            self.bus().await,
        )
        .await
    }
}

async fn start<S: Send + Sync + 'static>(app: App<S>, bus: &Bus) -> RunningApp {
    let started = soon("the app's start", app.start(bus)).await;
    started.unwrap_or_else(|error| panic!("cannot start the app: {}", causes(&error)))
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What our handlers saw.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) app: RunningApp,
    orders: UnboundedReceiver<(Event<OrderCreated>, Delivery)>,
    rest: UnboundedReceiver<(AnyEvent, Delivery)>,
}

impl Watch {
    /// The next order.
    pub(crate) async fn order(&mut self) -> (Event<OrderCreated>, Delivery) {
        soon("an order", self.orders.recv()).await.expect("the app runs")
    }

    /// The next event of another type.
    pub(crate) async fn rest(&mut self) -> (AnyEvent, Delivery) {
        soon("an event", self.rest.recv()).await.expect("the app runs")
    }

    /// Ends the app; nothing must have been seen that the test did not ask for.
    pub(crate) async fn end(mut self) {
        self.app.shutdown().await.expect("nothing runs any longer");
        if let Ok((order, delivery)) = self.orders.try_recv() {
            panic!("nobody asked for {order:?}, {delivery:?}");
        }
        if let Ok((event, delivery)) = self.rest.try_recv() {
            panic!("nobody asked for {event:?}, {delivery:?}");
        }
    }
}

/// Where the handlers put what they got.
#[derive(Clone)]
struct Shows {
    orders: UnboundedSender<(Event<OrderCreated>, Delivery)>,
    rest: UnboundedSender<(AnyEvent, Delivery)>,
}

impl FromRef<Shows> for Orders {
    fn from_ref(shows: &Shows) -> Self {
        Self(shows.orders.clone())
    }
}

impl FromRef<Shows> for Rest {
    fn from_ref(shows: &Shows) -> Self {
        Self(shows.rest.clone())
    }
}

struct Orders(UnboundedSender<(Event<OrderCreated>, Delivery)>);

struct Rest(UnboundedSender<(AnyEvent, Delivery)>);

/// Shows the orders.
#[event_handler("order.created")]
async fn watch_orders(order: Event<OrderCreated>, delivery: Delivery, State(orders): State<Orders>) {
    // A test that has ended no longer looks.
    let _ = orders.0.send((order, delivery));
}

/// Shows what others publish.
#[event_handler("shipment.#")]
async fn watch_rest(event: AnyEvent, delivery: Delivery, State(rest): State<Rest>) {
    let _ = rest.0.send((event, delivery));
}

/// Fails, and is tried a second time.
#[event_handler("order.created", retry(attempts = 2, rungs = "1s"))]
async fn fail(
    order: Event<OrderCreated>,
    delivery: Delivery,
    State(orders): State<Orders>,
) -> Result<(), Failure> {
    let _ = orders.0.send((order, delivery));
    Err(Failure)
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the till is shut")
    }
}

impl std::error::Error for Failure {}

/// Takes the money.
#[event_handler("order.created")]
async fn take_payment(order: OrderCreated) -> PaymentSettled {
    PaymentSettled {
        order_id: order.order_id,
        amount_cents: order.total_cents,
        method: Some(order.customer),
    }
}
