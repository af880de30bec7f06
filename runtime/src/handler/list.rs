//! Lists of handlers, and the traits that generated code implements for each handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::delivery::Delivery;
use super::descriptor::HandlerDescriptor;
use super::extract::FromDelivery;
use super::failure::Failure;
use super::returns::Returned;

/// A function under `#[event_handler]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event handler",
    label = "not an event handler",
    note = "a handler is an `async fn` under #[event_handler]"
)]
pub trait Registered: Send + Sync + 'static {
    /// The descriptor.
    const HANDLER: HandlerDescriptor;
}

/// A handler that an app with the state `S` can call.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is not an event handler of this app")]
pub trait Handle<S>: Registered {
    /// Decodes the event, extracts the other parameters and calls the function.
    fn handle(delivery: Delivery, state: Arc<S>) -> HandlerFuture;
}

/// One call of a handler.
#[doc(hidden)]
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Returned, Failure>> + Send>>;

/// The handlers of a `handlers![..]`, after its proofs.
#[doc(hidden)]
#[derive(Debug)]
pub struct Handlers<L> {
    /// The value of a block of constants, which `cargo check` evaluates.
    pub proofs: (),
    /// The handlers, as nested tuples.
    pub list: L,
}

/// A list of handlers that an app with the state `S` can call.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of event handlers",
    label = "not a list of event handlers",
    note = "write `.handlers(handlers![take_payment, refund])`"
)]
pub trait HandlerList<S> {
    /// Passes each handler to `add`.
    fn each(add: &mut dyn FnMut(Registration<S>));
}

/// A handler and the function that calls it with the state `S`.
#[doc(hidden)]
pub struct Registration<S> {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) handle: fn(Delivery, Arc<S>) -> HandlerFuture,
}

impl<S> Registration<S> {
    /// The registration of `H`.
    pub const fn of<H: Handle<S>>() -> Self {
        Self {
            descriptor: H::HANDLER,
            handle: H::handle,
        }
    }
}

impl<S, L: HandlerList<S>> HandlerList<S> for Handlers<L> {
    fn each(add: &mut dyn FnMut(Registration<S>)) {
        L::each(add);
    }
}

#[diagnostic::do_not_recommend]
impl<S> HandlerList<S> for () {
    fn each(_: &mut dyn FnMut(Registration<S>)) {}
}

/// A list of lists. A tuple has up to sixteen handlers or lists, so that a thousand handlers are nested three deep.
/// A linked list of handlers would reach the compiler's recursion limit at 128.
#[doc(hidden)]
#[derive(Debug)]
pub struct Branch<T> {
    /// The field has a name, because rustc searches struct expressions with names for the token to report.
    pub lists: T,
}

macro_rules! lists {
    ($($name:ident)+) => {
        impl<S, $($name: Handle<S>),+> HandlerList<S> for ($($name,)+) {
            fn each(add: &mut dyn FnMut(Registration<S>)) {
                $(add(Registration::of::<$name>());)+
            }
        }

        impl<S, $($name: HandlerList<S>),+> HandlerList<S> for Branch<($($name,)+)> {
            fn each(add: &mut dyn FnMut(Registration<S>)) {
                $($name::each(add);)+
            }
        }
    };
}

lists!(A);
lists!(A B);
lists!(A B C);
lists!(A B C D);
lists!(A B C D E);
lists!(A B C D E F);
lists!(A B C D E F G);
lists!(A B C D E F G H);
lists!(A B C D E F G H I);
lists!(A B C D E F G H I J);
lists!(A B C D E F G H I J K);
lists!(A B C D E F G H I J K L);
lists!(A B C D E F G H I J K L M);
lists!(A B C D E F G H I J K L M N);
lists!(A B C D E F G H I J K L M N O);
lists!(A B C D E F G H I J K L M N O P);

/// Extracts a parameter of a handler.
#[doc(hidden)]
pub async fn extract<P: FromDelivery<S>, S: Sync>(delivery: &Delivery, state: &S) -> Result<P, Failure> {
    P::from_delivery(delivery, state).await.map_err(Failure::Rejected)
}

/// The descriptor of a handler, given the value of its hidden struct.
#[doc(hidden)]
pub const fn descriptor<H: Registered>(_: &H) -> HandlerDescriptor {
    H::HANDLER
}
