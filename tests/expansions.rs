//! What the macros emit, each shape as a formatted file to review: `expansions/*.rs`.
//!
//! After a change, `INSTA_UPDATE=always cargo test -p tidings-tests --test expansions` writes them anew: read the
//! difference. A crate of macros can hand out nothing but macros, so its files are taken in here by their paths.

#![allow(dead_code)]

use proc_macro2::TokenStream;
use quote::quote;

#[path = "../macros/src/attr.rs"]
mod attr;
#[path = "../macros/src/check.rs"]
mod check;
#[path = "../macros/src/duration.rs"]
mod duration;
#[path = "../macros/src/emit_event.rs"]
mod emit_event;
#[path = "../macros/src/emit_handler.rs"]
mod emit_handler;
#[path = "../macros/src/emit_list.rs"]
mod emit_list;
#[path = "../macros/src/errors.rs"]
mod errors;
#[path = "../macros/src/event.rs"]
mod event;
#[path = "../macros/src/fallback.rs"]
mod fallback;
#[path = "../macros/src/handler.rs"]
mod handler;
#[path = "../macros/src/list.rs"]
mod list;
#[path = "../macros/src/nearest.rs"]
mod nearest;
#[path = "../macros/src/root.rs"]
mod root;
#[path = "../macros/src/routing.rs"]
mod routing;

fn matches_its_file(name: &str, items: TokenStream) {
    let file = syn::parse2(items).expect("what is emitted is Rust");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("expansions");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, prettyplease::unparse(&file)));
}

// A list is an expression, and a file holds items.
fn as_item(expression: &TokenStream) -> TokenStream {
    quote!(const LIST: () = #expression;)
}

#[test]
fn an_event_with_what_its_name_says() {
    let item = quote! {
        /// A customer placed an order.
        #[deprecated(note = "use order.placed")]
        struct OrderCreated {
            order_id: Uuid,
        }
    };
    matches_its_file("event", event::expand(item));
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
    matches_its_file("event_with_every_option", event::expand(item));
}

#[test]
fn a_family() {
    let item = quote! {
        enum OrderEvent {
            Created(OrderCreated),
            Cancelled(orders::OrderCancelled),
        }
    };
    matches_its_file("family", event::expand(item));
}

#[test]
fn a_family_that_takes_the_rest() {
    let item = quote! {
        enum OrderEvent {
            Created(OrderCreated),
            #[event(other)]
            Other(AnyEvent),
        }
    };
    matches_its_file("family_with_other", event::expand(item));
}

#[test]
fn an_event_whose_attribute_is_wrong() {
    let item = quote! {
        #[event(verison = 2)]
        struct OrderCreated {
            order_id: Uuid,
        }
    };
    matches_its_file("event_with_a_mistake", event::expand(item));
}

#[test]
fn a_family_whose_attribute_is_wrong() {
    let item = quote! {
        enum OrderEvent {
            Created,
        }
    };
    matches_its_file("family_with_a_mistake", event::expand(item));
}

#[test]
fn a_handler() {
    let item = quote! {
        async fn take_payment(order: OrderCreated) {}
    };
    matches_its_file("handler", handler::expand(TokenStream::new(), &item));
}

#[test]
fn a_handler_with_every_option() {
    let args = quote! {
        "order.created", "order.*",
        name = "billing.take_payment", queue = "billing", concurrency = 8, prefetch = 16,
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
    matches_its_file("handler_with_every_option", handler::expand(args, &item));
}

#[test]
fn an_ephemeral_handler() {
    let item = quote! {
        pub async fn watch(event: AnyEvent) {}
    };
    matches_its_file(
        "handler_ephemeral",
        handler::expand(quote!("#", ephemeral), &item),
    );
}

#[test]
fn a_handler_of_a_renamed_runtime() {
    let item = quote! {
        async fn follow(event: OrderEvent, bus: Bus) -> Vec<OrderCreated> {
            Vec::new()
        }
    };
    matches_its_file(
        "handler_with_crate",
        handler::expand(quote!("order.#", crate = crate::vendor::tidings), &item),
    );
}

#[test]
fn a_family_of_a_renamed_runtime() {
    let item = quote! {
        #[event(crate = crate::vendor::tidings)]
        enum OrderEvent {
            Created(OrderCreated),
            #[event(other)]
            Other(AnyEvent),
        }
    };
    matches_its_file("family_with_crate", event::expand(item));
}

#[test]
fn a_handler_whose_attribute_is_wrong() {
    let item = quote! {
        pub async fn take_payment(order: OrderCreated) {}
    };
    matches_its_file(
        "handler_with_a_mistake",
        handler::expand(quote!(timeout = "1d"), &item),
    );
}

#[test]
fn a_list_of_handlers() {
    let list = quote!(take_payment, orders::refund);
    matches_its_file("handlers", as_item(&list::expand_handlers(list)));
}

#[test]
fn a_list_of_more_handlers_than_fit_into_one_tuple() {
    let names = (0..18).map(|at| quote::format_ident!("h{at}"));
    let list = quote!(#(#names),*);
    matches_its_file("handlers_in_branches", as_item(&list::expand_handlers(list)));
}

#[test]
fn a_list_of_events() {
    let list = quote!(crate = vendor::tidings; OrderCreated, orders::OrderCancelled);
    matches_its_file("events", as_item(&list::expand_events(list)));
}

#[test]
fn a_list_with_a_mistake() {
    matches_its_file(
        "handlers_with_a_mistake",
        as_item(&list::expand_handlers(quote!(1))),
    );
}
