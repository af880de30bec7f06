//! Two versions of one service. The new version binds another key, and has a newer event version and one more handler.

/// The old version of the service.
pub(crate) mod old {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::{DomainEvent, Event, State, event_handler};

    use crate::process::handlers::ServiceState;

    /// Something was deployed.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "fault.deployed", aggregate_id = number)]
    pub(crate) struct Deployed {
        pub(crate) number: u64,
    }

    #[event_handler("fault.deployed", retry(attempts = 8, rungs = "1s, 5s"))]
    pub(crate) async fn deployed(event: Event<Deployed>, State(state): State<ServiceState>) {
        state
            .handler_log
            .record("deployed", event.number, event.id(), &event.number.to_string());
    }
}

/// The new version of the service.
pub(crate) mod new {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::{DomainEvent, Event, State, event_handler};

    use crate::process::handlers::ServiceState;

    /// Something was deployed at a place.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "fault.deployed", version = 2, aggregate_id = number, upcast_from = super::old::Deployed)]
    pub(crate) struct Deployed {
        pub(crate) number: u64,
        pub(crate) place: String,
    }

    impl From<super::old::Deployed> for Deployed {
        fn from(old: super::old::Deployed) -> Self {
            Self {
                number: old.number,
                place: "somewhere".to_owned(),
            }
        }
    }

    /// Something was withdrawn. The old service does not know this event.
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "fault.withdrawn", aggregate_id = number)]
    pub(crate) struct Withdrawn {
        pub(crate) number: u64,
    }

    /// The events of the new handlers.
    #[derive(Debug, Clone, DomainEvent)]
    pub(crate) enum Change {
        Deployed(Deployed),
        Withdrawn(Withdrawn),
    }

    #[event_handler("fault.deployed", "fault.withdrawn", retry(attempts = 8, rungs = "1s, 5s"))]
    pub(crate) async fn deployed(event: Event<Change>, State(state): State<ServiceState>) {
        let number = number(&event);
        state
            .handler_log
            .record("deployed", number, event.id(), &number.to_string());
    }

    #[event_handler("fault.deployed", "fault.withdrawn")]
    pub(crate) async fn added(event: Event<Change>, State(state): State<ServiceState>) {
        let number = number(&event);
        state
            .handler_log
            .record("added", number, event.id(), &number.to_string());
    }

    fn number(change: &Change) -> u64 {
        match change {
            Change::Deployed(event) => event.number,
            Change::Withdrawn(event) => event.number,
        }
    }
}
