//! The arguments of shared exchanges, as they are on the broker.
//!
//! RabbitMQ refuses a declaration with other arguments than those of the existing exchange. An exchange that several
//! services use may have been declared with arguments that we do not know, for example with an alternate exchange. The
//! refusal names the argument and its value, so the next declaration names them, too.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::error::RabbitError;
use crate::topology::ExchangePlan;

#[derive(Debug, Default)]
pub(super) struct SharedExchanges(Mutex<BTreeMap<String, ExchangeSettings>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExchangeSettings {
    pub(super) alternate: Option<String>,
    pub(super) auto_delete: bool,
}

impl SharedExchanges {
    /// The settings to declare the exchange with.
    pub(super) fn settings(&self, plan: &ExchangePlan) -> ExchangeSettings {
        let shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared
            .get(&plan.name)
            .cloned()
            .unwrap_or_else(|| ExchangeSettings {
                alternate: plan.alternate.clone(),
                auto_delete: false,
            })
    }

    /// Takes the setting that differs from the broker. Returns whether another declaration can succeed.
    pub(super) fn learn(&self, plan: &ExchangePlan, error: &RabbitError) -> bool {
        let Some(drift) = error.drift().filter(|_| plan.is_shared()) else {
            return false;
        };
        let before = self.settings(plan);
        let mut settings = before.clone();
        match drift.argument.as_str() {
            "alternate-exchange" => settings.alternate = Some(drift.found.clone()).filter(|it| it != "none"),
            "auto_delete" => settings.auto_delete = drift.found == "true",
            _ => return false,
        }
        if settings == before {
            return false;
        }
        let (exchange, argument, found) = (&plan.name, drift.argument, drift.found);
        tracing::info!(
            exchange,
            argument,
            found,
            "exchange with other arguments used as it is"
        );
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.insert(plan.name.clone(), settings);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Plan;

    fn drift(argument: &str, found: &str) -> RabbitError {
        RabbitError::from_broker(
            406,
            &format!(
                "PRECONDITION_FAILED - inequivalent arg '{argument}' for exchange 'e' in vhost '/': received none but \
                 current is {found}"
            ),
        )
    }

    #[test]
    fn a_declaration_follows_the_arguments_on_the_broker_until_one_stays_different() {
        let shared = SharedExchanges::default();
        let plan = &Plan::domain_exchange("e").exchanges[0];
        let alternate = drift("alternate-exchange", "the value 'unrouted' of type 'longstr'");
        assert!(shared.learn(plan, &alternate) && shared.learn(plan, &drift("auto_delete", "'true'")));
        let settings = shared.settings(plan);
        assert_eq!(
            (settings.alternate.as_deref(), settings.auto_delete),
            (Some("unrouted"), true)
        );
        assert!(
            !shared.learn(plan, &alternate),
            "the declaration named it already"
        );
        assert!(shared.learn(plan, &drift("alternate-exchange", "none")));
        assert_eq!(shared.settings(plan).alternate, None);
        assert!(
            !shared.learn(plan, &drift("type", "'direct'"))
                && !shared.learn(plan, &drift("durable", "'false'"))
        );
    }
}
