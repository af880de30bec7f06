//! The payment gateway of another company. It is sometimes unavailable, and it charges each order only once.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::journal::{Entries, Journal};

/// The gateway's answer to a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// The gateway took this many cents.
    Taken(u64),
    /// The bank declined the card.
    Declined,
}

impl Charge {
    /// The charged cents.
    pub fn cents(self) -> u64 {
        match self {
            Self::Taken(cents) => cents,
            Self::Declined => 0,
        }
    }
}

/// A simulated gateway. The card decides how it behaves.
#[derive(Debug, Clone)]
pub struct Gateway {
    charges: Journal<Charge>,
    /// The number of attempts for each order.
    attempts: Arc<Mutex<HashMap<Uuid, u32>>>,
}

/// Why the gateway has no answer.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The gateway is unavailable. A later attempt may succeed.
    #[error("the gateway is unavailable")]
    Unavailable,
    /// The gateway's books cannot be written.
    #[error("cannot write the gateway's books")]
    Books(#[from] io::Error),
}

impl Gateway {
    /// Creates a gateway with these books.
    pub fn new(charges: Journal<Charge>) -> Self {
        Self {
            charges,
            attempts: Arc::default(),
        }
    }

    /// Charges a card once for an order. The order's id is the idempotency key: a repeated charge gets the same
    /// answer.
    ///
    /// # Errors
    /// When the gateway is unavailable.
    pub async fn charge(&self, order_id: Uuid, card: Card, cents: u64) -> Result<Charge, GatewayError> {
        if let Card::Flaky(failures) = card
            && self.count_attempt(order_id) <= failures
        {
            return Err(GatewayError::Unavailable);
        }
        let answer = match card {
            Card::Good | Card::Flaky(_) => Charge::Taken(cents),
            Card::Declined => Charge::Declined,
        };
        self.charges.write(order_id, |charges| {
            Ok::<_, io::Error>((!charges.contains_key(&order_id)).then_some(answer))
        })?;
        Ok(answer)
    }

    /// All charges.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn charges(&self) -> io::Result<Entries<Charge>> {
        self.charges.entries()
    }

    /// The number of attempts to charge this order with a flaky card.
    pub fn attempts(&self, order_id: Uuid) -> u32 {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.get(&order_id).copied().unwrap_or_default()
    }

    fn count_attempt(&self, order_id: Uuid) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(order_id).or_default();
        *count += 1;
        *count
    }
}

/// A card, as the gateway knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// The first attempt succeeds.
    Good,
    /// The bank declines it.
    Declined,
    /// The gateway is unavailable for this many attempts.
    Flaky(u32),
}

/// The card is unknown. No attempt can succeed.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a card; write visa, visa-declined or visa-flaky-2")]
pub struct UnknownCard(String);

impl FromStr for Card {
    type Err = UnknownCard;

    // Forms: `visa`, `visa-declined`, `visa-flaky-2`.
    fn from_str(text: &str) -> Result<Self, UnknownCard> {
        match text {
            "visa" => Ok(Self::Good),
            "visa-declined" => Ok(Self::Declined),
            _ => text
                .strip_prefix("visa-flaky-")
                .and_then(|failures| failures.parse().ok())
                .map(Self::Flaky)
                .ok_or_else(|| UnknownCard(text.to_owned())),
        }
    }
}
