//! Runs one service in its own process until SIGTERM.

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
use crate::journal::{Entries, Journal};
use crate::orders::OrderBook;
use crate::summary::Counts;
use crate::{inventory, orders, payments, storefront};

/// The three services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Orders, with the storefront.
    Orders,
    /// Payments.
    Payments,
    /// Inventory.
    Inventory,
}

/// The setup of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The service to run.
    pub role: Role,
    /// The folder of its books. Without a folder, the books and the orders in flight end with the process.
    pub data: Option<PathBuf>,
}

/// Runs a service until SIGTERM or ctrl-c, on the broker of `TIDINGS_URL`.
///
/// # Errors
/// When the address is in use, there is no broker, or the books cannot be opened.
pub async fn run(setup: Setup, listen: SocketAddr, speed_up: u32) -> Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let bus = Bus::builder().speed_up(speed_up).from_env().await?;
    run_on(&bus, setup, listener).await?;
    bus.close().await;
    Ok(())
}

/// Runs a service on a bus until SIGTERM or ctrl-c. Several can run in one process.
///
/// # Errors
/// When the books cannot be opened, or the queues cannot be declared.
pub async fn run_on(bus: &Bus, setup: Setup, listener: TcpListener) -> Result<()> {
    let Setup { role, data } = setup;
    let data = data.as_deref();
    match role {
        Role::Orders => {
            let books = OrderBook::new(Journal::open(data, "orders")?);
            let app = orders::app(books.clone()).start(bus).await?;
            let router = storefront::router(books.clone(), app.bus().clone());
            serve(app, listener, router.merge(books_route(move || books.orders()))).await
        }
        Role::Payments => {
            let gateway = Gateway::new(Journal::open(data, "payments")?);
            let app = payments::app(gateway.clone()).start(bus).await?;
            serve(app, listener, books_route(move || gateway.charges())).await
        }
        Role::Inventory => {
            let shelf = Shelf::new(Journal::open(data, "inventory")?);
            let app = inventory::app(shelf.clone()).start(bus).await?;
            serve(app, listener, books_route(move || shelf.reservations())).await
        }
    }
}

/// Serves HTTP until a signal has ended the app.
async fn serve(app: RunningApp, listener: TcpListener, router: Router) -> Result<()> {
    let app = Arc::new(app);
    let shared = Arc::clone(&app);
    let router = router.route("/health", get(async move || health(&shared)));
    let serve = async {
        println!("{} listens on http://{}", app.service(), listener.local_addr()?);
        axum::serve(listener, router).await
    };
    tokio::select! {
        // Listen for signals before the server answers its first request.
        biased;
        ended = app.until_signal() => ended?,
        served = serve => served?,
    }
    println!("{} has ended", app.service());
    Ok(())
}

/// `GET /health`: the counts of the service. The status says whether the service is ready.
fn health(app: &RunningApp) -> (StatusCode, Json<Counts>) {
    let health = app.health();
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Counts::from(&health)))
}

/// `GET /books`: all entries of the service's journal.
fn books_route<E, F>(entries: F) -> Router
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
