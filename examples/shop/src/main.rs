//! `cargo run -p shop` runs three services and their customers in one process, on the in-memory broker.
//! `TIDINGS_URL=amqp://… cargo run -p shop` does the same on RabbitMQ. `cargo run -p shop -- --help` lists the other
//! commands.

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

/// Runs the command. Returns whether the books balance, and `true` for a command that does not read them.
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
            services,
            orders,
            within,
        } => return customer::run(&services, orders, within).await,
    }
    Ok(true)
}
