//! The payment gateway: another company's, so it is sometimes away, and it charges an order once however often it
//! is asked.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::{Entries, Ledger};

/// What the gateway said to a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// So many cents are ours.
    Taken(u64),
    /// The bank said no.
    Declined,
}

impl Charge {
    /// How many cents it brought.
    pub fn cents(self) -> u64 {
        match self {
            Self::Taken(cents) => cents,
            Self::Declined => 0,
        }
    }
}

/// A pretended gateway, whose mood depends on the card.
#[derive(Debug, Clone)]
pub struct Gateway {
    charges: Ledger<Charge>,
    /// How often it was asked for each order.
    asked: Arc<Mutex<HashMap<Uuid, u32>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It may answer later.
    #[error("the gateway is away")]
    Away,
    /// Its books cannot be written.
    #[error("cannot write the gateway's books")]
    Books(#[from] io::Error),
}

impl Gateway {
    /// A gateway with these books.
    pub fn new(charges: Ledger<Charge>) -> Self {
        Self {
            charges,
            asked: Arc::default(),
        }
    }

    /// Charges a card once for an order: the order's id is the key by which a repetition gets the same answer.
    ///
    /// # Errors
    /// When the gateway is away.
    pub async fn charge(&self, order_id: Uuid, card: Card, cents: u64) -> Result<Charge, GatewayError> {
        if let Card::Flaky(failures) = card
            && self.ask(order_id) <= failures
        {
            return Err(GatewayError::Away);
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

    /// What was charged so far.
    ///
    /// # Errors
    /// When its books cannot be read.
    pub fn charges(&self) -> io::Result<Entries<Charge>> {
        self.charges.entries()
    }

    /// How often a charge of this order was tried with a card that needs several tries.
    pub fn tries(&self, order_id: Uuid) -> u32 {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&order_id).copied().unwrap_or_default()
    }

    fn ask(&self, order_id: Uuid) -> u32 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(order_id).or_default();
        *times += 1;
        *times
    }
}

/// A card as the gateway knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Charged at once.
    Good,
    /// Declined at once.
    Declined,
    /// The gateway is away so many times before it answers.
    Flaky(u32),
}

/// A card that no gateway takes, however often it is asked.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no card; write visa, visa-declined or visa-flaky-2")]
pub struct UnknownCard(String);

impl FromStr for Card {
    type Err = UnknownCard;

    // visa  visa-declined  visa-flaky-2
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
