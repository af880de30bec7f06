//! Payments: charges each order.

use tidings::{App, Event, State, event_handler, handlers};

use crate::events::{OrderCreated, PaymentEvent, PaymentFailed, PaymentSettled};
use crate::gateway::{Card, Charge, Gateway, GatewayError, UnknownCard};

/// Creates the service. The gateway is its only state.
pub fn app(gateway: Gateway) -> App<Gateway> {
    App::new("payments")
        .state(gateway)
        .handlers(handlers![take_payment])
}

/// Why an order is not charged yet.
// This error is not `transparent`: `reject_on` walks the sources, and a transparent error would hide the gateway's own
// error.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The gateway is unavailable. A later attempt may succeed.
    #[error("cannot charge the order")]
    Gateway(#[from] GatewayError),
    /// The card is unknown. No attempt can succeed.
    #[error("cannot read the card")]
    Card(#[from] UnknownCard),
}

/// Charges an order. The gateway charges each order once, so a repeated event gets the same answer.
///
/// # Errors
/// When the gateway is unavailable, which is retried. When the card is unknown, the event is dead-lettered at once.
#[event_handler(
    "order.created",
    timeout = "10s",
    retry(attempts = 8, rungs = "1s, 5s, 15s, 1m"),
    reject_on(UnknownCard)
)]
pub async fn take_payment(
    order: Event<OrderCreated>,
    State(gateway): State<Gateway>,
) -> Result<PaymentEvent, PaymentError> {
    let card: Card = order.card.parse()?;
    let order_id = order.order_id;
    Ok(match gateway.charge(order_id, card, order.total_cents).await? {
        Charge::Taken(cents) => PaymentEvent::Settled(PaymentSettled { order_id, cents }),
        Charge::Declined => PaymentEvent::Failed(PaymentFailed {
            order_id,
            reason: "the card was declined".to_owned(),
        }),
    })
}
