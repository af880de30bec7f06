//! A shop of three services that know each other only by their events.
//!
//! ```text
//! POST /orders ─ orders ─ order.created ─┬─ inventory ─ stock.reserved ───┬─ orders: the order is paid and reserved
//!                                        └─ payments ─┬ payment.settled ──┘
//!                                                     └ payment.failed ─── orders ─ order.cancelled ─ inventory ─ stock.released
//! ```
//!
//! Every handler may run twice for one event, for delivery is at least once, and two events may overtake each other.
//! So each one writes to its service's [`ledger`] under the order's id, and answers a repetition with the same event.

pub mod args;
pub mod audit;
pub mod basket;
pub mod client;
pub mod customer;
pub mod events;
pub mod everything;
pub mod gateway;
pub mod inventory;
pub mod ledger;
pub mod money;
pub mod orders;
pub mod payments;
pub mod service;
pub mod storefront;
pub mod stories;
pub mod strays;
pub mod summary;
pub mod timeline;
