//! The arguments of the command.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::client::Client;
use crate::customer::Services;
use crate::service::{Role, Setup};

/// The text of `--help`.
pub const HELP: &str = "\
A shop of three services on one bus.

    cargo run -p shop
        runs everything in one process, on the broker of TIDINGS_URL, or in memory without it
        --orders N          number of orders to place (36)
        --speed-up N        divisor of all retry delays (20)

    cargo run -p shop -- --role orders|payments|inventory
        runs one service until SIGTERM, on the broker of TIDINGS_URL
        --data DIR          folder of its books; without it, the books are kept in memory
        --listen ADDR       address of GET /books, GET /health and, for orders, POST /orders
                            (127.0.0.1:8081, 8082 and 8083)
        --speed-up N        divisor of all retry delays (1)

    cargo run -p shop -- --role customer
        places orders with running services; the exit code says whether the books balance
        --orders N          number of orders to place (36)
        --url URL           address of orders (http://127.0.0.1:8081)
        --payments-url URL  address of payments (http://127.0.0.1:8082)
        --inventory-url URL address of inventory (http://127.0.0.1:8083)
        --within SECONDS    time limit for the whole run (60)
";

const OPTIONS: [&str; 9] = [
    "role",
    "data",
    "listen",
    "orders",
    "speed-up",
    "url",
    "payments-url",
    "inventory-url",
    "within",
];

/// A parsed command line.
#[derive(Debug)]
pub enum Command {
    /// Print the help.
    Help,
    /// Run everything in one process.
    Everything {
        /// The number of orders to place.
        orders: u32,
        /// The divisor of all retry delays.
        speed_up: u32,
    },
    /// Run one service.
    Service {
        /// The service and its folder.
        setup: Setup,
        /// The HTTP address.
        listen: SocketAddr,
        /// The divisor of all retry delays.
        speed_up: u32,
    },
    /// Place orders with services that run elsewhere.
    Customer {
        /// The addresses of the services.
        services: Services,
        /// The number of orders to place.
        orders: u32,
        /// The time limit for the whole run.
        within: Duration,
    },
}

/// Parses the arguments after the name of the command.
///
/// # Errors
/// When an argument is unknown, has no value or a bad one, or belongs to another role.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Command> {
    let mut options = Options::read(args)?;
    if options.help {
        return Ok(Command::Help);
    }
    let role = options.values.remove("role");
    let command = match role.as_deref() {
        None => Command::Everything {
            orders: options.take("orders", 36)?,
            speed_up: options.take("speed-up", 20)?,
        },
        Some("orders") => options.service(Role::Orders, 8081)?,
        Some("payments") => options.service(Role::Payments, 8082)?,
        Some("inventory") => options.service(Role::Inventory, 8083)?,
        Some("customer") => Command::Customer {
            services: Services {
                orders: Client::new(&options.take("url", "http://127.0.0.1:8081".to_owned())?)?,
                payments: Client::new(&options.take("payments-url", "http://127.0.0.1:8082".to_owned())?)?,
                inventory: Client::new(&options.take("inventory-url", "http://127.0.0.1:8083".to_owned())?)?,
            },
            orders: options.take("orders", 36)?,
            within: Duration::from_secs(options.take("within", 60)?),
        },
        Some(other) => bail!("there is no role `{other}`; write orders, payments, inventory or customer"),
    };
    match (options.values.keys().next(), role) {
        (None, _) => Ok(command),
        (Some(left), Some(role)) => bail!("`--{left}` has no meaning with `--role {role}`; see --help"),
        (Some(left), None) => bail!("`--{left}` has no meaning without `--role`; see --help"),
    }
}

/// The unparsed values of the options.
struct Options {
    help: bool,
    values: BTreeMap<String, String>,
}

impl Options {
    // Forms: `--name value`, `--name=value`, `--help`, `-h`.
    fn read(args: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            help: false,
            values: BTreeMap::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--help" || arg == "-h" {
                options.help = true;
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            let known = name.strip_prefix("--").filter(|name| OPTIONS.contains(name));
            let name = known.ok_or_else(|| anyhow!("there is no option `{name}`; see --help"))?;
            let value = value
                .or_else(|| args.next())
                .ok_or_else(|| anyhow!("`--{name}` needs a value; see --help"))?;
            if options.values.insert(name.to_owned(), value).is_some() {
                bail!("`--{name}` is given twice");
            }
        }
        Ok(options)
    }

    fn take<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Result<T> {
        let Some(value) = self.values.remove(name) else {
            return Ok(default);
        };
        let parsed = value.parse();
        parsed.map_err(|error| anyhow!("`--{name}` cannot be `{value}`: {error}"))
    }

    fn service(&mut self, role: Role, port: u16) -> Result<Command> {
        let data = self.values.remove("data").map(Into::into);
        Ok(Command::Service {
            setup: Setup { role, data },
            listen: self.take("listen", ([127, 0, 0, 1], port).into())?,
            speed_up: self.take("speed-up", 1)?,
        })
    }
}
