//! Shares the exchange and the routing key of consecutive deliveries, which are often the same.

use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct LastAddress {
    exchange: Arc<str>,
    routing_key: Arc<str>,
}

impl LastAddress {
    pub(super) fn exchange(&mut self, name: &str) -> Arc<str> {
        shared(&mut self.exchange, name)
    }

    pub(super) fn routing_key(&mut self, key: &str) -> Arc<str> {
        shared(&mut self.routing_key, key)
    }
}

fn shared(last: &mut Arc<str>, text: &str) -> Arc<str> {
    if **last != *text {
        *last = text.into();
    }
    Arc::clone(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_with_the_same_address_share_its_text() {
        let mut last = LastAddress::default();
        let exchange = last.exchange("domain_events");
        let key = last.routing_key("order.created");
        assert_eq!((&*exchange, &*key), ("domain_events", "order.created"));
        assert!(Arc::ptr_eq(&last.exchange("domain_events"), &exchange));
        assert!(Arc::ptr_eq(&last.routing_key("order.created"), &key));
    }

    #[test]
    fn a_delivery_with_another_address_has_its_own_text() {
        let mut last = LastAddress::default();
        let keys = ["order.created", "order.cancelled", "", "order.created", ""];
        let exchanges = ["", "billing.return", "domain_events", "", ""];
        let taken = keys.map(|key| last.routing_key(key));
        assert_eq!(taken.each_ref().map(|key| &**key), keys);
        let taken = exchanges.map(|name| last.exchange(name));
        assert_eq!(taken.each_ref().map(|name| &**name), exchanges);
    }
}
