//! `cargo run -p shop` runs three services and their customers in one process, on the in-memory broker;
//! `TIDINGS_URL=amqp://… cargo run -p shop` does it on RabbitMQ. `cargo run -p shop -- --help` says what else there is.

use std::process::ExitCode;

use anyhow::Result;
use shop::args::{self, Command};
use shop::{customer, everything, service};

#[tokio::main]
async fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    match run(command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does it, and says whether the books balance, where there are any to look at.
async fn run(command: Command) -> Result<bool> {
    match command {
        Command::Help => print!("{}", args::HELP),
        Command::Everything { orders, speed_up } => return everything::run(orders, speed_up).await,
        Command::Service {
            setup,
            listen,
            speed_up,
        } => service::run(setup, listen, speed_up).await?,
        Command::Customer {
            street,
            orders,
            within,
        } => return customer::run(&street, orders, within).await,
    }
    Ok(true)
}
