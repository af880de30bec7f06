//! The storefront: customers place orders over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tidings::http::CorrelationLayer;
use tidings::{Bus, PublishOptions};
use uuid::Uuid;

use crate::events::OrderCreated;
use crate::inventory::CATALOGUE;
use crate::orders::OrderBook;

/// The body of `POST /orders`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewOrder {
    /// The customer's own id of the order. A repeated request has the same id.
    pub order_id: Uuid,
    /// The customer.
    pub customer: String,
    /// The item.
    pub item: String,
    /// The quantity.
    pub quantity: u32,
    /// The card to charge.
    pub card: String,
}

/// The route `POST /orders`.
pub fn router(books: OrderBook, bus: Bus) -> Router {
    Router::new()
        .route("/orders", post(place_order))
        // Events that are published during a request carry its `x-correlation-id` through all services.
        .layer(CorrelationLayer::new())
        .with_state((books, bus))
}

async fn place_order(
    State((books, bus)): State<(OrderBook, Bus)>,
    Json(order): Json<NewOrder>,
) -> Result<(StatusCode, Json<OrderCreated>), (StatusCode, String)> {
    let order = books.place(priced(order)?).map_err(unavailable)?;
    // Write first, publish second: after a crash in between, the customer has no answer and repeats the request. The
    // order's id is also the event's id, so both requests publish the same event. The event is mandatory, because an
    // order that reaches no service must not be accepted.
    let once = PublishOptions::new().id(order.order_id.to_string()).mandatory();
    bus.publish_with(&order, once).await.map_err(unavailable)?;
    Ok((StatusCode::ACCEPTED, Json(order)))
}

fn priced(order: NewOrder) -> Result<OrderCreated, (StatusCode, String)> {
    let refused = |text: String| (StatusCode::UNPROCESSABLE_ENTITY, text);
    let (.., price) = CATALOGUE
        .iter()
        .find(|(item, ..)| *item == order.item)
        .ok_or_else(|| refused(format!("there is no item `{}`", order.item)))?;
    if order.quantity == 0 {
        return Err(refused("the quantity must be at least one".to_owned()));
    }
    Ok(OrderCreated {
        order_id: order.order_id,
        customer: order.customer,
        item: order.item,
        quantity: order.quantity,
        total_cents: price * u64::from(order.quantity),
        card: order.card,
    })
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> (StatusCode, String) {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{:#}", anyhow::Error::new(error)),
    )
}
