use tidings::{App, Bus, Delivery, FromDelivery, FromRef, Rejection, Shutdown, State, event_handler, handlers};
use tidings_tests::{Gateway, OrderCreated};

struct Tenant(#[allow(dead_code)] String);

impl<S: Sync> FromDelivery<S> for Tenant {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(Self(delivery.headers().text("tenant").ok_or("no tenant")?.to_owned()))
    }
}

#[derive(Clone)]
struct Everything {
    gateway: Gateway,
    rate: f64,
}

impl FromRef<Everything> for Gateway {
    fn from_ref(all: &Everything) -> Self {
        all.gateway.clone()
    }
}

impl FromRef<Everything> for f64 {
    fn from_ref(all: &Everything) -> Self {
        all.rate
    }
}

#[event_handler]
async fn take_payment(
    OrderCreated { order_id, .. }: OrderCreated,
    _: Tenant,
    State(gateway): State<Gateway>,
    State(mut rate): State<f64>,
    State(_all): State<Everything>,
    _bus: Bus,
    _shutdown: Shutdown,
    mut _delivery: Delivery,
) {
    rate += 1.0;
    drop((order_id, gateway, rate));
}

pub(super) fn main() {
    let everything = Everything { gateway: Gateway, rate: 1.0 };
    let _ = App::new("shop").state(everything).handlers(handlers![take_payment]);
}
