//! The configuration of nodes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::install::Install;
use crate::node::Node;

/// The configuration of nodes, for [`Setup::start`] or [`Setup::start_cluster`].
#[derive(Debug, Clone)]
pub struct Setup {
    pub(crate) install: Install,
    pub(crate) limit: Duration,
    plugins: Vec<String>,
    conf: Vec<String>,
    advanced: Vec<String>,
    management: bool,
    tls: Option<Tls>,
}

/// PEM files for a TLS listener. They must be below the temporary folder, because a node may see no other.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The authorities that sign client certificates.
    pub ca: PathBuf,
    /// The certificate of the node.
    pub certificate: PathBuf,
    /// The private key of the node.
    pub key: PathBuf,
    /// Whether a client must present a certificate.
    pub ask_client: bool,
}

pub(crate) struct NodeSettings<'a> {
    pub(crate) address: &'a str,
    pub(crate) management: u16,
    pub(crate) tls: u16,
    /// The names of all nodes of the cluster, including this one.
    pub(crate) names: &'a [String],
}

impl Setup {
    /// Returns the default settings of this version.
    pub fn new(install: &Install) -> Self {
        Self {
            install: install.clone(),
            // Two clusters of three nodes may start at once on two cores.
            limit: Duration::from_mins(5),
            plugins: Vec::new(),
            conf: Vec::new(),
            advanced: Vec::new(),
            management: false,
            tls: None,
        }
    }

    /// Enables a plugin, such as `rabbitmq_auth_mechanism_ssl`.
    pub fn plugin(mut self, name: &str) -> Self {
        self.plugins.push(name.to_owned());
        self
    }

    /// Adds lines to `rabbitmq.conf`, such as `consumer_timeout = 5000`.
    pub fn conf(mut self, lines: &str) -> Self {
        self.conf.push(lines.to_owned());
        self
    }

    /// Adds a setting of the application `rabbit` that only `advanced.config` has, such as
    /// `{dead_letter_worker_publisher_confirm_timeout, 5000}`.
    pub fn advanced(mut self, setting: &str) -> Self {
        self.advanced.push(setting.to_owned());
        self
    }

    /// Enables the management plugin; see [`Node::management_port`].
    pub fn management(mut self) -> Self {
        self.management = true;
        self.plugin("rabbitmq_management")
    }

    /// Adds a TLS listener; see [`Node::tls_url`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets how long the start of a node may take. The default is five minutes.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts a node and waits until it accepts connections.
    ///
    /// # Errors
    /// When the node exits or is not ready in time. The error contains the end of the log.
    pub fn start(&self) -> Result<Node, Error> {
        let mut nodes = self.start_cluster(1)?.into_nodes();
        Ok(nodes.remove(0))
    }

    /// Starts a cluster of `nodes` nodes and waits until all of them accept connections.
    ///
    /// # Errors
    /// When a node exits or is not ready in time. The error contains the end of the log.
    ///
    /// # Panics
    /// When `nodes` is zero or more than eight.
    pub fn start_cluster(&self, nodes: usize) -> Result<Cluster, Error> {
        Cluster::start(self, nodes)
    }

    pub(crate) fn has_management(&self) -> bool {
        self.management
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(crate) fn enabled_plugins(&self) -> String {
        format!("[{}].\n", self.plugins.join(","))
    }

    pub(crate) fn advanced_config(&self) -> String {
        format!("[{{rabbit, [{}]}}].\n", self.advanced.join(", "))
    }

    pub(crate) fn rabbitmq_conf(&self, settings: &NodeSettings) -> String {
        let NodeSettings {
            address,
            management,
            tls: port,
            names,
        } = settings;
        // Writing to a string cannot fail.
        let mut file = self.conf.iter().fold(String::new(), |mut file, lines| {
            let _ = writeln!(file, "{lines}");
            file
        });
        if *address != "127.0.0.1" {
            // Such a node is in a container, where no client comes from loopback.
            let _ = writeln!(file, "loopback_users = none");
        }
        if self.management {
            let _ = writeln!(
                file,
                "management.tcp.ip = {address}\nmanagement.tcp.port = {management}"
            );
        }
        if let Some(tls) = &self.tls {
            let verify = if tls.ask_client {
                "verify_peer"
            } else {
                "verify_none"
            };
            let _ = writeln!(
                file,
                "listeners.ssl.1 = {address}:{port}\n\
                 ssl_options.cacertfile = {}\n\
                 ssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\n\
                 ssl_options.verify = {verify}\n\
                 ssl_options.fail_if_no_peer_cert = {}",
                tls.ca.display(),
                tls.certificate.display(),
                tls.key.display(),
                tls.ask_client
            );
        }
        if names.len() > 1 {
            let _ = writeln!(file, "cluster_formation.peer_discovery_backend = classic_config");
            for (index, name) in names.iter().enumerate() {
                let _ = writeln!(
                    file,
                    "cluster_formation.classic_config.nodes.{} = {name}",
                    index + 1
                );
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::Place;

    fn setup() -> Setup {
        Setup::new(&Install {
            place: Place::Docker("rabbitmq:4".to_owned()),
            version: "4.1.0".parse().unwrap(),
        })
    }

    fn node_settings<'a>(address: &'a str, names: &'a [String]) -> NodeSettings<'a> {
        NodeSettings {
            address,
            management: 1,
            tls: 2,
            names,
        }
    }

    #[test]
    fn advanced_settings_go_into_advanced_config() {
        assert_eq!(setup().advanced_config(), "[{rabbit, []}].\n");
        let setup = setup().advanced("{a, 1}").advanced("{b, 2}");
        assert_eq!(setup.advanced_config(), "[{rabbit, [{a, 1}, {b, 2}]}].\n");
    }

    #[test]
    fn a_default_setup_writes_no_settings() {
        let names = ["a".to_owned()];
        let conf = setup().rabbitmq_conf(&node_settings("127.0.0.1", &names));
        assert_eq!((conf.as_str(), setup().enabled_plugins().as_str()), ("", "[].\n"));
    }

    #[test]
    fn all_settings_are_in_the_files() {
        let setup = setup()
            .conf("consumer_timeout = 5000")
            .management()
            .plugin("rabbitmq_auth_mechanism_ssl")
            .tls(Tls {
                ca: "/ca".into(),
                certificate: "/cert".into(),
                key: "/key".into(),
                ask_client: true,
            });
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(
            setup.rabbitmq_conf(&node_settings("0.0.0.0", &names)),
            "consumer_timeout = 5000\n\
             loopback_users = none\n\
             management.tcp.ip = 0.0.0.0\n\
             management.tcp.port = 1\n\
             listeners.ssl.1 = 0.0.0.0:2\n\
             ssl_options.cacertfile = /ca\n\
             ssl_options.certfile = /cert\n\
             ssl_options.keyfile = /key\n\
             ssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = true\n\
             cluster_formation.peer_discovery_backend = classic_config\n\
             cluster_formation.classic_config.nodes.1 = a\n\
             cluster_formation.classic_config.nodes.2 = b\n"
        );
        assert_eq!(
            setup.enabled_plugins(),
            "[rabbitmq_management,rabbitmq_auth_mechanism_ssl].\n"
        );
    }
}
