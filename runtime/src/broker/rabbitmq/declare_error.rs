//! The error of a declaration, with advice for the operator.

use std::error::Error;
use std::fmt;

use super::connection::LiveConnection;
use super::error::RabbitError;
use crate::app::describe::Permissions;
use crate::error::{DeclareError, Drift};
use crate::topology::Plan;

/// The error of one step. If the broker refused access, `denied` is the missing permission.
pub(super) fn declare_error(
    kind: &'static str,
    name: &str,
    error: RabbitError,
    denied: Option<&'static str>,
    live: &LiveConnection,
    plan: &Plan,
) -> DeclareError {
    let exchange = plan
        .exchanges
        .iter()
        .find(|it| kind == "exchange" && it.name == name);
    let source: Box<dyn Error + Send + Sync> = match (error.drift(), denied) {
        (Some(drift), _) => Box::new(Drift {
            advice: exchange.map_or(drift.advice, Drift::advice_for),
            ..drift
        }),
        (None, Some(permission)) if error.is_forbidden() => {
            Box::new(Forbidden(grant(&error, permission, live, plan)))
        }
        (None, _) => Box::new(error),
    };
    DeclareError {
        thing: kind,
        name: name.to_owned(),
        source,
    }
}

/// The error when nothing of a plan can be declared.
pub(super) fn nothing_declared(plan: &Plan, error: RabbitError) -> DeclareError {
    let exchange = plan.exchanges.first().map(|it| ("exchange", it.name.clone()));
    let queue = || plan.queues.first().map(|it| ("queue", it.name.clone()));
    let (thing, name) = exchange.or_else(queue).unwrap_or_default();
    DeclareError {
        thing,
        name,
        source: error.into(),
    }
}

/// Whether missing permissions are the only cause of the error.
pub(super) fn is_missing_permission(error: &DeclareError) -> bool {
    let source = &error.source;
    match source.downcast_ref::<DeclareErrors>() {
        Some(errors) => errors.first.is::<Forbidden>() && errors.others.iter().all(is_missing_permission),
        None => source.is::<Forbidden>(),
    }
}

#[derive(Debug)]
struct Forbidden(String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Forbidden {}

/// The broker's error with the command that grants the permission.
fn grant(error: &RabbitError, permission: &str, live: &LiveConnection, plan: &Plan) -> String {
    let status = live.connection.status();
    let patterns = match (plan.exchanges.first(), plan.queues.first()) {
        // The name of a service has no dot.
        (Some(exchange), Some(queue)) => {
            let service = queue.name.split('.').next().unwrap_or_default();
            Permissions::of(service, &exchange.name, false).configure
        }
        (Some(exchange), None) => format!("^{}$", exchange.name.replace('.', "\\.")),
        (None, _) => String::new(),
    };
    format!(
        "{error}; the user has no `{permission}` permission; grant it with rabbitmqctl set_permissions -p '{}' '{}' \
         '{patterns}' '{patterns}' '{patterns}', or see `Declare::Verify` and `Declare::Off`",
        status.vhost(),
        status.username(),
    )
}

/// Combines the errors of a plan: the source of the first error contains the others.
pub(super) fn all_errors(mut errors: Vec<DeclareError>) -> Result<(), DeclareError> {
    if errors.is_empty() {
        return Ok(());
    }
    let mut first = errors.remove(0);
    if !errors.is_empty() {
        first.source = Box::new(DeclareErrors {
            first: first.source,
            others: errors,
        });
    }
    Err(first)
}

/// The source of the first error, and all other errors.
#[derive(Debug)]
struct DeclareErrors {
    first: Box<dyn Error + Send + Sync>,
    others: Vec<DeclareError>,
}

impl fmt::Display for DeclareErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        for other in &self.others {
            let cause = Error::source(other).map(ToString::to_string).unwrap_or_default();
            write!(f, "\n  - {other}: {cause}")?;
        }
        Ok(())
    }
}

impl Error for DeclareErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text contains the drift already. This value is for programs that handle a drift.
        self.first.downcast_ref::<Drift>().map(|drift| drift as _)
    }
}
