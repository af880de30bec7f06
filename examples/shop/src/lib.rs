//! A shop of three services that know each other by their events only.
//!
//! ```text
//! POST /orders ─ orders ─ order.created ─┬─ inventory ─ stock.reserved ───┬─ orders: the order is paid and reserved
//!                                        └─ payments ─┬ payment.settled ──┘
//!                                                     └ payment.failed ─── orders ─ order.cancelled ─ inventory ─ stock.released
//! ```
//!
//! Delivery is at least once: a handler may run twice for one event, and two events may overtake each other. So each
//! handler writes to the [`journal`] of its service under the order's id, and returns the same event for a repeated
//! event.

pub mod args;
pub mod audit;
pub mod basket;
pub mod client;
pub mod customer;
pub mod events;
pub mod everything;
pub mod gateway;
pub mod inventory;
pub mod journal;
pub mod money;
pub mod orders;
pub mod payments;
pub mod service;
pub mod storefront;
pub mod stories;
pub mod strays;
pub mod summary;
pub mod timeline;
