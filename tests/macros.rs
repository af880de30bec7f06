//! The code that the macros generate, used as a service uses it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::__private::{Failure, Handle, HandlerList, Handlers, Registered, Returned};
use tidings::{
    AnyEvent, DecodeError, Delivery, DomainEvent, Event, EventDescriptor, FromRef, HandlerDescriptor,
    HandlerError, State, event_handler, events, handlers,
};

/// A customer placed an order.
///
/// It is not paid yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated {
    order_id: String,
    total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Shop {
    id: u32,
    region: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "shop.opened", version = 3, aggregate_id = shop.id, routing_key = "shop.opened.{shop.region}.{type}")]
struct Opened {
    shop: Shop,
    r#type: String,
}

fn opened(region: &str, kind: &str) -> Opened {
    let shop = Shop {
        id: 7,
        region: region.to_owned(),
    };
    Opened {
        shop,
        r#type: kind.to_owned(),
    }
}

mod types_and_keys {
    use super::*;

    #[test]
    fn a_type_name_of_two_words_gives_the_event_type() {
        assert_eq!(OrderCreated::TYPE, "order.created");
        assert_eq!(OrderCreated::VERSION, 1);
        assert_eq!(OrderCreated::ROUTING_KEY, "order.created");
        assert_eq!(OrderCreated::KEY_PATTERN, "order.created");
    }

    #[test]
    fn the_aggregate_id_comes_from_the_type_name_or_from_a_path() {
        let order = OrderCreated {
            order_id: "o-1".to_owned(),
            total: 1,
        };
        assert_eq!(order.aggregate_id(), "o-1");
        assert_eq!(opened("eu", "kiosk").aggregate_id(), "7");
    }

    #[test]
    fn a_routing_key_is_filled_from_the_fields_that_it_names() {
        assert_eq!(
            opened("eu", "kiosk").routing_key().unwrap(),
            "shop.opened.eu.kiosk"
        );
        assert_eq!(Opened::ROUTING_KEY, "shop.opened.{shop.region}.{type}");
        assert_eq!(Opened::KEY_PATTERN, "shop.opened.*.*");
    }

    #[test]
    fn a_routing_key_error_names_the_invalid_field() {
        for (region, kind, field) in [
            ("", "kiosk", "shop.region"),
            ("eu.west", "kiosk", "shop.region"),
            ("eu", "*", "type"),
            ("eu", "a#b", "type"),
        ] {
            assert_eq!(opened(region, kind).routing_key().unwrap_err().field(), field);
        }
        let error = opened(&"x".repeat(300), "kiosk").routing_key().unwrap_err();
        assert_eq!(error.field(), "shop.region");
    }

    #[test]
    fn a_descriptor_is_a_constant_with_the_options_and_the_doc_comment() {
        const OPENED: EventDescriptor = EventDescriptor::of::<Opened>();
        static ALL: &[EventDescriptor] = events![OrderCreated, Opened];
        assert_eq!(OPENED.version(), 3);
        assert_eq!(
            ALL[0].description(),
            Some("A customer placed an order.\n\nIt is not paid yet.")
        );
        assert_eq!(
            ALL[0].rust_type(),
            concat!(module_path!(), "::OrderCreated").replace("::types_and_keys", "")
        );
        assert_eq!(ALL[1].routing_key(), "shop.opened.{shop.region}.{type}");
        assert!(ALL[1].description().is_none());
    }

    #[test]
    fn a_field_with_a_default_is_required_by_the_writer_schema_only() {
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        struct StockMoved {
            id: u32,
            #[serde(default)]
            reason: String,
        }
        let event = EventDescriptor::of::<StockMoved>();
        assert_eq!(
            event.writer_schema().get("required"),
            Some(&serde_json::json!(["id", "reason"]))
        );
        assert_eq!(
            event.reader_schema().get("required"),
            Some(&serde_json::json!(["id"]))
        );
    }

    #[test]
    fn a_deprecated_event_has_its_note_and_no_warning_from_the_derive() {
        mod events {
            #![allow(deprecated)] // the code that serde and schemars derive uses the type
            use super::*;
            #[deprecated(note = "use shop.opened")]
            #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
            #[event(type = "shop.started")]
            pub(super) struct ShopStarted {
                pub(super) id: u32,
            }
        }
        #[allow(deprecated)]
        let event = EventDescriptor::of::<events::ShopStarted>();
        assert_eq!(event.deprecated(), Some("use shop.opened"));
        assert_eq!(EventDescriptor::of::<OrderCreated>().deprecated(), None);
    }
}

mod upcasting {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "price.set", aggregate_id = id)]
    struct PriceSetV1 {
        id: String,
        euros: String,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "price.set", version = 2, upcast_from = PriceSetV1)]
    struct PriceSetV2 {
        id: String,
        cents: u64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "price.set", version = 3, upcast_from = PriceSetV2)]
    struct PriceSet {
        id: String,
        cents: u64,
        currency: String,
    }

    impl TryFrom<PriceSetV1> for PriceSetV2 {
        type Error = std::num::ParseIntError;

        fn try_from(old: PriceSetV1) -> Result<Self, Self::Error> {
            let cents = old.euros.parse::<u64>()? * 100;
            Ok(Self { id: old.id, cents })
        }
    }

    impl From<PriceSetV2> for PriceSet {
        fn from(old: PriceSetV2) -> Self {
            let currency = "EUR".to_owned();
            Self {
                id: old.id,
                cents: old.cents,
                currency,
            }
        }
    }

    fn v1(euros: &str) -> PriceSetV1 {
        PriceSetV1 {
            id: "p".to_owned(),
            euros: euros.to_owned(),
        }
    }

    #[test]
    fn an_older_version_is_upcast_through_the_whole_chain() {
        let now = Delivery::fake(&v1("12")).event().decode::<PriceSet>().unwrap();
        assert_eq!((now.cents, now.currency.as_str()), (1200, "EUR"));
    }

    #[test]
    fn a_failing_upcast_is_an_error_and_not_a_panic() {
        let error = Delivery::fake(&v1("twelve"))
            .event()
            .decode::<PriceSet>()
            .unwrap_err();
        assert!(matches!(error, DecodeError::Upcast { .. }), "{error:?}");
    }

    #[test]
    fn a_version_above_the_requested_type_is_an_error() {
        let now = PriceSet {
            id: "p".to_owned(),
            cents: 1,
            currency: "EUR".to_owned(),
        };
        let error = Delivery::fake(&now).event().decode::<PriceSetV2>().unwrap_err();
        assert!(
            matches!(error, DecodeError::NewerVersion { found: 3, known: 2 }),
            "{error:?}"
        );
    }

    #[test]
    fn the_descriptor_lists_the_older_versions() {
        let versions: Vec<u32> = EventDescriptor::of::<PriceSet>()
            .versions()
            .map(EventDescriptor::version)
            .collect();
        assert_eq!(versions, [3, 2, 1]);
    }
}

mod families {
    use super::*;

    #[derive(Debug, PartialEq, DomainEvent)]
    enum Fact {
        Created(OrderCreated),
        Opened(Opened),
    }

    #[derive(Debug, DomainEvent)]
    enum Anything {
        Created(OrderCreated),
        #[event(other)]
        Rest(AnyEvent),
    }

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct StockMoved {
        id: u32,
    }

    #[event_handler]
    async fn takes_a_family(fact: Fact) -> Fact {
        fact
    }

    #[event_handler("#")]
    async fn takes_anything(event: Anything, delivery: Delivery) -> Result<(), String> {
        match event {
            Anything::Created(order) => Err(order.order_id),
            Anything::Rest(event) => Err(format!("{} {}", event.event_type(), delivery.attempt())),
        }
    }

    #[tokio::test]
    async fn a_family_is_decoded_by_the_type_of_its_event() {
        let returned = run::<takes_a_family, ()>(&opened("eu", "kiosk"), ())
            .await
            .unwrap();
        assert_eq!(format!("{returned:?}").matches("shop.opened.eu.kiosk").count(), 1);
    }

    #[tokio::test]
    async fn an_event_outside_the_family_has_the_wrong_type() {
        let failure = run::<takes_a_family, ()>(&StockMoved { id: 1 }, ())
            .await
            .unwrap_err();
        let Failure::Undecodable(DecodeError::WrongType { found }) = failure else {
            panic!("{failure:?}");
        };
        assert_eq!(found, "stock.moved");
    }

    #[tokio::test]
    async fn the_other_variant_takes_every_other_event() {
        let failure = run::<takes_anything, ()>(&StockMoved { id: 1 }, ())
            .await
            .unwrap_err();
        assert_eq!(error_of(failure).to_string(), "stock.moved 1");
    }

    #[test]
    fn a_family_handler_without_patterns_binds_the_keys_of_its_events() {
        assert_eq!(
            <takes_a_family as Registered>::HANDLER.patterns(),
            ["order.created", "shop.opened.*.*"]
        );
        assert!(!<takes_a_family as Registered>::HANDLER.takes_any());
        assert!(<takes_anything as Registered>::HANDLER.takes_any());
    }
}

/// Charges the customer.
#[event_handler(
    "order.created",
    "order.#",
    name = "charge",
    queue = "billing",
    concurrency = 4,
    prefetch = 9,
    breaker = 30,
    retry(attempts = 3, rungs = "1s, 1s, 5m"),
    timeout = "250ms",
    ordered_by = "aggregate_id",
    on_dead_letter = "pause",
    single_active
)]
async fn take_payment(
    order: Event<OrderCreated>,
    State(limit): State<u64>,
) -> Result<Option<Opened>, HandlerError> {
    if order.total > limit {
        return Err(HandlerError::reject("over the limit"));
    }
    Ok(None)
}

#[event_handler(ephemeral)]
async fn watch(_order: OrderCreated) {}

mod handling {
    use super::*;

    fn order(total: u64) -> OrderCreated {
        OrderCreated {
            order_id: "o-1".to_owned(),
            total,
        }
    }

    #[tokio::test]
    async fn the_function_stays_callable() {
        let done = take_payment(Event::new(order(1)), State(5)).await;
        assert_eq!(done.unwrap(), None);
    }

    #[tokio::test]
    async fn a_registered_handler_is_called_with_its_event_and_its_state() {
        assert!(run::<take_payment, u64>(&order(1), 5).await.is_ok());
        let failure = run::<take_payment, u64>(&order(9), 5).await.unwrap_err();
        assert!(error_of(failure).is_rejection());
    }

    #[test]
    fn every_option_is_in_the_descriptor() {
        const HANDLER: HandlerDescriptor = <take_payment as Registered>::HANDLER;
        assert_eq!(HANDLER.name(), "charge");
        assert_eq!(
            HANDLER.function(),
            concat!(module_path!(), "::take_payment").replace("::handling", "")
        );
        assert_eq!(HANDLER.description(), Some("Charges the customer."));
        assert_eq!(HANDLER.queue(), "billing");
        assert_eq!(HANDLER.patterns(), ["order.#", "order.created"]);
        assert_eq!(
            (HANDLER.concurrency(), HANDLER.prefetch(), HANDLER.attempts()),
            (4, 9, 3)
        );
        assert_eq!(HANDLER.breaker(), Some(30));
        let second = Duration::from_secs(1);
        assert_eq!(HANDLER.rungs(), [second, second, second * 300]);
        assert_eq!(HANDLER.timeout(), Duration::from_millis(250));
        assert!(HANDLER.ordered() && HANDLER.pauses_on_dead_letter() && HANDLER.single_active());
        assert!(!HANDLER.ephemeral() && <watch as Registered>::HANDLER.ephemeral());
        let returns: Vec<&str> = HANDLER
            .returns()
            .iter()
            .map(EventDescriptor::event_type)
            .collect();
        assert_eq!(returns, ["shop.opened"]);
    }

    #[test]
    fn a_handler_without_options_has_the_documented_defaults() {
        const HANDLER: HandlerDescriptor = <watch as Registered>::HANDLER;
        assert_eq!((HANDLER.name(), HANDLER.queue()), ("watch", "watch"));
        assert_eq!(HANDLER.patterns(), ["order.created"]);
        assert_eq!(
            (HANDLER.concurrency(), HANDLER.prefetch(), HANDLER.attempts()),
            (64, 256, 8)
        );
        assert_eq!(HANDLER.breaker(), Some(20));
        assert_eq!(HANDLER.timeout(), Duration::from_secs(30));
        assert_eq!(HANDLER.rungs().len(), 6);
    }

    #[test]
    fn a_list_contains_each_of_its_handlers() {
        let list = handlers![take_payment, self::watch];
        assert_eq!(count::<u64, _>(&list), 2);
        assert_eq!(count::<(), _>(&handlers![]), 0);
    }

    #[derive(Clone)]
    struct AppState {
        limit: u64,
    }

    impl FromRef<AppState> for u64 {
        fn from_ref(state: &AppState) -> Self {
            state.limit
        }
    }

    #[tokio::test]
    async fn from_ref_takes_one_value_from_a_larger_state() {
        assert!(
            run::<take_payment, AppState>(&order(9), AppState { limit: 10 })
                .await
                .is_ok()
        );
    }
}

mod rejecting {
    use super::*;

    #[derive(Debug, Clone, thiserror::Error)]
    #[error("the card was declined")]
    struct Declined;

    #[derive(Debug, thiserror::Error)]
    enum PaymentError {
        #[error("the bank said no")]
        Bank(#[source] Declined),
        #[error("no answer")]
        Timeout,
    }

    macro_rules! rejecting {
        ($($name:ident $error:ty: $value:expr;)+) => {
            $(
                #[event_handler(reject_on(Declined))]
                async fn $name(_order: OrderCreated) -> Result<(), $error> {
                    Err($value)
                }
            )+
        };
    }

    rejecting! {
        plain Declined: Declined;
        in_an_enum PaymentError: PaymentError::Bank(Declined);
        not_in_an_enum PaymentError: PaymentError::Timeout;
        in_anyhow anyhow::Error: Declined.into();
        deep_in_anyhow anyhow::Error: anyhow::Error::from(PaymentError::Bank(Declined)).context("one").context("two");
        under_a_context anyhow::Error: anyhow::Error::from(Declined).context("charging");
        in_a_box Box<Declined>: Box::new(Declined);
        in_an_arc Arc<Declined>: Arc::new(Declined);
        in_an_erased_box Box<dyn StdError + Send + Sync>: Box::new(Declined);
        in_a_handler_error HandlerError: HandlerError::from(Declined);
        under_a_delay HandlerError: HandlerError::retry_after(Duration::from_secs(5), Declined);
        a_text &'static str: "declined";
    }

    async fn failed<H: Handle<()>>() -> HandlerError {
        let order = OrderCreated {
            order_id: "o-1".to_owned(),
            total: 1,
        };
        error_of(run::<H, ()>(&order, ()).await.unwrap_err())
    }

    #[tokio::test]
    async fn an_error_of_the_named_type_rejects_at_any_place_in_the_source_chain() {
        assert!(failed::<plain>().await.is_rejection());
        assert!(failed::<in_an_enum>().await.is_rejection());
        assert!(failed::<in_anyhow>().await.is_rejection());
        assert!(failed::<deep_in_anyhow>().await.is_rejection());
        assert!(failed::<under_a_context>().await.is_rejection());
        assert!(failed::<in_a_box>().await.is_rejection());
        assert!(failed::<in_an_arc>().await.is_rejection());
        assert!(failed::<in_an_erased_box>().await.is_rejection());
        assert!(failed::<in_a_handler_error>().await.is_rejection());
    }

    #[tokio::test]
    async fn reject_on_changes_neither_other_errors_nor_an_explicit_retry() {
        assert!(!failed::<not_in_an_enum>().await.is_rejection());
        assert!(!failed::<a_text>().await.is_rejection());
        assert_eq!(
            failed::<under_a_delay>().await.delay(),
            Some(Duration::from_secs(5))
        );
    }

    #[derive(Debug)]
    struct Wrapper(tidings::HandlerVerdict);

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl StdError for Wrapper {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[event_handler]
    async fn verdict_in_anyhow(_order: OrderCreated) -> anyhow::Result<()> {
        Err(anyhow::Error::from(HandlerError::reject("no").into_error()))
    }

    #[event_handler]
    async fn verdict_under_a_context(_order: OrderCreated) -> anyhow::Result<()> {
        Err(anyhow::Error::from(HandlerError::reject("no").into_error()).context("charging"))
    }

    #[event_handler]
    async fn verdict_as_a_source(_order: OrderCreated) -> Result<(), Wrapper> {
        Err(Wrapper(
            HandlerError::retry_after(Duration::from_secs(9), "later").into_error(),
        ))
    }

    #[tokio::test]
    async fn an_explicit_verdict_is_found_in_the_source_chain() {
        assert!(failed::<verdict_in_anyhow>().await.is_rejection());
        assert!(failed::<verdict_under_a_context>().await.is_rejection());
        assert_eq!(
            failed::<verdict_as_a_source>().await.delay(),
            Some(Duration::from_secs(9))
        );
    }
}

async fn run<H: Handle<S>, S>(event: &impl tidings::Payload, state: S) -> Result<Returned, Failure> {
    H::handle(Delivery::fake(event), Arc::new(state)).await
}

fn error_of(failure: Failure) -> HandlerError {
    match failure {
        Failure::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn count<S, L: HandlerList<S>>(_: &Handlers<L>) -> usize {
    let mut count = 0;
    L::each(&mut |_| count += 1);
    count
}
