use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler(
    "order.created",
    "order.*",
    name = "billing.take-payment_2",
    queue = "Billing",
    concurrency = 1,
    prefetch = 65_535,
    breaker = 1,
    retry(rungs = "1s,1s , 1h", attempts = 0x10,),
    timeout = "900000ms",
    ordered_by = "aggregate_id",
    on_dead_letter = "pause",
    single_active,
    reject_on(std::fmt::Error, ::std::num::ParseIntError,),
)]
async fn take_payment(_order: OrderCreated) -> Result<(), std::fmt::Error> {
    Ok(())
}

#[event_handler("order.created", ephemeral, name = "live", breaker = "off")]
async fn watch(_order: OrderCreated) {}

pub(super) fn main() {
    let _ = handlers![take_payment, watch];
}
