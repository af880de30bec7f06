//! The code that the macros generate, formatted and committed for review in `expansions/*.snap`.
//!
//! After a change, `INSTA_UPDATE=always cargo test -p tidings-tests --test expansions` writes the snapshots; review the
//! diff. A proc-macro crate exports macros only, so this file includes its modules by path.

#![allow(dead_code)]

use proc_macro2::TokenStream;
use quote::quote;

#[path = "../macros/src/attribute.rs"]
mod attribute;
#[path = "../macros/src/check/mod.rs"]
mod check;
#[path = "../macros/src/derive.rs"]
mod derive;
#[path = "../macros/src/emit/mod.rs"]
mod emit;
#[path = "../macros/src/errors.rs"]
mod errors;
#[path = "../macros/src/grammar/mod.rs"]
mod grammar;
#[path = "../macros/src/lists.rs"]
mod lists;
#[path = "../macros/src/model/mod.rs"]
mod model;

fn assert_expansion(name: &str, items: TokenStream) {
    let file = syn::parse2(items).expect("the generated code is valid Rust");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("expansions");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, prettyplease::unparse(&file)));
}

/// Wraps a list, which is an expression, into an item.
fn as_item(expression: &TokenStream) -> TokenStream {
    quote!(const LIST: () = #expression;)
}

#[test]
fn an_event_with_defaults() {
    let item = quote! {
        /// A customer placed an order.
        #[deprecated(note = "use order.placed")]
        struct OrderCreated {
            order_id: Uuid,
        }
    };
    assert_expansion("event", derive::expand(item));
}

#[test]
fn an_event_with_every_option() {
    let item = quote! {
        #[event(
            type = "order.created",
            version = 2,
            aggregate_id = order.id,
            routing_key = "order.created.{order.region}.{type}",
            upcast_from = v1::OrderCreated,
            example = OrderCreated { order: Order::sample(), r#type: "web".to_owned() },
            crate = crate::vendor::tidings
        )]
        struct OrderCreated {
            order: Order,
            r#type: String,
        }
    };
    assert_expansion("event_with_every_option", derive::expand(item));
}

#[test]
fn a_family() {
    let item = quote! {
        enum OrderEvent {
            Created(OrderCreated),
            Cancelled(orders::OrderCancelled),
        }
    };
    assert_expansion("family", derive::expand(item));
}

#[test]
fn a_family_with_an_other_variant() {
    let item = quote! {
        enum OrderEvent {
            Created(OrderCreated),
            #[event(other)]
            Other(AnyEvent),
        }
    };
    assert_expansion("family_with_other", derive::expand(item));
}

#[test]
fn an_event_with_a_mistake() {
    let item = quote! {
        #[event(verison = 2)]
        struct OrderCreated {
            order_id: Uuid,
        }
    };
    assert_expansion("event_with_a_mistake", derive::expand(item));
}

#[test]
fn a_family_with_a_mistake() {
    let item = quote! {
        enum OrderEvent {
            Created,
        }
    };
    assert_expansion("family_with_a_mistake", derive::expand(item));
}

#[test]
fn a_handler() {
    let item = quote! {
        async fn take_payment(order: OrderCreated) {}
    };
    assert_expansion("handler", attribute::expand(TokenStream::new(), &item));
}

#[test]
fn a_handler_with_every_option() {
    let args = quote! {
        "order.created", "order.*",
        name = "billing.take_payment", queue = "billing", concurrency = 8, prefetch = 16, breaker = 30,
        retry(attempts = 3, rungs = "1s, 5s"), timeout = "10s", ordered_by = "aggregate_id",
        on_dead_letter = "pause", single_active, reject_on(Declined, bank::Closed)
    };
    let item = quote! {
        /// Charges the customer.
        #[cfg(feature = "billing")]
        pub(crate) async fn take_payment(
            order: Event<OrderCreated>,
            State(gateway): State<Gateway>,
            delivery: Delivery,
        ) -> Result<PaymentSettled, PaymentError> {
            gateway.charge(&order).await
        }
    };
    assert_expansion("handler_with_every_option", attribute::expand(args, &item));
}

#[test]
fn an_ephemeral_handler() {
    let item = quote! {
        pub async fn watch(event: AnyEvent) {}
    };
    assert_expansion(
        "handler_ephemeral",
        attribute::expand(quote!("#", ephemeral), &item),
    );
}

#[test]
fn a_handler_with_a_crate_path() {
    let item = quote! {
        async fn follow(event: OrderEvent, bus: Bus) -> Vec<OrderCreated> {
            Vec::new()
        }
    };
    assert_expansion(
        "handler_with_crate",
        attribute::expand(quote!("order.#", crate = crate::vendor::tidings), &item),
    );
}

#[test]
fn a_family_with_a_crate_path() {
    let item = quote! {
        #[event(crate = crate::vendor::tidings)]
        enum OrderEvent {
            Created(OrderCreated),
            #[event(other)]
            Other(AnyEvent),
        }
    };
    assert_expansion("family_with_crate", derive::expand(item));
}

#[test]
fn a_handler_with_a_mistake() {
    let item = quote! {
        pub async fn take_payment(order: OrderCreated) {}
    };
    assert_expansion(
        "handler_with_a_mistake",
        attribute::expand(quote!(timeout = "1d"), &item),
    );
}

#[test]
fn a_list_of_handlers() {
    let list = quote!(take_payment, orders::refund);
    assert_expansion("handlers", as_item(&lists::expand_handlers(list)));
}

#[test]
fn a_list_of_more_handlers_than_fit_into_one_tuple() {
    let names = (0..18).map(|at| quote::format_ident!("h{at}"));
    let list = quote!(#(#names),*);
    assert_expansion("handlers_in_branches", as_item(&lists::expand_handlers(list)));
}

#[test]
fn a_list_of_events() {
    let list = quote!(crate = vendor::tidings; OrderCreated, orders::OrderCancelled);
    assert_expansion("events", as_item(&lists::expand_events(list)));
}

#[test]
fn a_list_with_a_mistake() {
    assert_expansion(
        "handlers_with_a_mistake",
        as_item(&lists::expand_handlers(quote!(1))),
    );
}
