//! What the ui tests share: a few events, a state, and the place where handlers meet it.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::__private::HandlerList;
use tidings::DomainEvent;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCreated {
    /// The order.
    pub order_id: String,
}

/// A customer took an order back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: String,
}

/// Money came in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(aggregate_id = order_id, routing_key = "payment.settled.{currency}")]
pub struct PaymentSettled {
    /// The order that was paid.
    pub order_id: String,
    /// What it was paid in.
    pub currency: String,
}

/// A state.
#[derive(Debug, Clone, Default)]
pub struct Gateway;

/// An app as far as its types go.
#[derive(Debug)]
pub struct App<S>(PhantomData<S>);

impl App<()> {
    /// An app without state.
    pub fn new(_service: &str) -> Self {
        Self(PhantomData)
    }

    /// Provides the state.
    pub fn state<S: Clone + Send + Sync + 'static>(self, _state: S) -> App<S> {
        App(PhantomData)
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// Takes the handlers.
    pub fn handlers<L: HandlerList<S>>(self, _list: L) -> Self {
        L::each(&mut |_| {});
        self
    }
}
