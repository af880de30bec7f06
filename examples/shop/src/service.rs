//! One service in a process of its own, until SIGTERM.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tidings::{Bus, RunningApp};
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::inventory::Shelf;
use crate::ledger::{Entries, Ledger};
use crate::orders::OrderBook;
use crate::summary::Counts;
use crate::{inventory, orders, payments, storefront};

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Orders, with the storefront.
    Orders,
    /// Payments.
    Payments,
    /// Inventory.
    Inventory,
}

/// How a service is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Which it is.
    pub role: Role,
    /// The folder of its books. Without one they end with the process, and orders in flight with them.
    pub data: Option<PathBuf>,
    /// Where it listens for HTTP.
    pub listen: SocketAddr,
    /// What its retry delays are divided by.
    pub speed_up: u32,
}

/// Runs a service until SIGTERM or ctrl-c.
///
/// # Errors
/// When its books cannot be opened, its address is taken, or there is no broker.
pub async fn run(setup: Setup) -> Result<()> {
    let bus = Bus::builder().speed_up(setup.speed_up).from_env().await?;
    let data = setup.data.as_deref();
    match setup.role {
        Role::Orders => {
            let books = OrderBook::new(Ledger::open(data, "orders")?);
            let app = Arc::new(orders::app(books.clone()).start(&bus).await?);
            let front = storefront::router(books.clone(), app.bus().clone());
            serve(&setup, &app, front.merge(window(move || books.orders()))).await?;
        }
        Role::Payments => {
            let gateway = Gateway::new(Ledger::open(data, "payments")?);
            let app = Arc::new(payments::app(gateway.clone()).start(&bus).await?);
            serve(&setup, &app, window(move || gateway.charges())).await?;
        }
        Role::Inventory => {
            let shelf = Shelf::new(Ledger::open(data, "inventory")?);
            let app = Arc::new(inventory::app(shelf.clone()).start(&bus).await?);
            serve(&setup, &app, window(move || shelf.reservations())).await?;
        }
    }
    bus.close().await;
    Ok(())
}

/// Answers requests until a signal has ended the app.
async fn serve(setup: &Setup, app: &Arc<RunningApp>, router: Router) -> Result<()> {
    let listener = TcpListener::bind(setup.listen)
        .await
        .with_context(|| format!("cannot listen on {}", setup.listen))?;
    println!("{} listens on http://{}", app.service(), listener.local_addr()?);
    let health = Arc::clone(app);
    let router = router.route("/health", get(async move || state(&health)));
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        ended = app.until_signal() => ended?,
    }
    println!("{} has ended", app.service());
    Ok(())
}

/// `GET /health`: the counts of the service, ready or not.
fn state(app: &RunningApp) -> (StatusCode, Json<Counts>) {
    let health = app.health();
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Counts::from(&health)))
}

/// `GET /books`: all that the service has written down.
fn window<E, F>(entries: F) -> Router
where
    E: Serialize + Send + 'static,
    F: Fn() -> io::Result<Entries<E>> + Clone + Send + Sync + 'static,
{
    let books = async move || match entries() {
        Ok(entries) => Ok(Json(entries)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    };
    Router::new().route("/books", get(books))
}
