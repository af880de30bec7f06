//! How a command runs where a RabbitMQ is: on this machine, in an unpacked Debian, in a container.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::Place;

/// The place and the folder that every process of a lab shares, seen under the same path by all of them.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) folder: PathBuf,
}

/// A variable and its value.
pub(crate) type Variable = (&'static str, String);

// The pid we hold is the process's own: every step on the way is an `exec`. `ulimit` because a node that may open a
// thousand files thinks of itself as small.
//
// It starts when it is told to: by then the watcher knows of it, and a test killed in between leaves nothing behind.
const HERE: &str = r#"
read -r _ || exit
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec "$@" </dev/null
"#;

// In a mount namespace of its own, so that nothing stays mounted. The folder's parent, which is the machine's folder
// for such things, is mounted and not the folder: the root stays clean, and certificates of a test are seen as well.
const INSIDE: &str = r#"
root=$1 shared=$2
shift 2
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" || exit
mkdir -p "$root$shared" && mount --rbind "$shared" "$root$shared" || exit
exec chroot "$root" "$@"
"#;

/// Where programs are, beside the path we were given, which may not name the folders of root's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl World {
    /// The name of a container, in Docker.
    pub(crate) fn container(&self, name: &str) -> Option<String> {
        match &self.place {
            Place::Docker(_) => {
                let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
                Some(format!("{folder}-{name}"))
            }
            Place::Installed(_) | Place::Root(_) => None,
        }
    }

    /// Erlang's port mapper, in the foreground. In Docker its container is the network that the nodes join, and so
    /// the one that publishes their ports.
    pub(crate) fn epmd(&self, port: u16, publish: &[u16]) -> io::Result<Command> {
        let port = port.to_string();
        let args = ["epmd", "-port", &port];
        match &self.place {
            Place::Docker(image) => {
                let mut command = self.docker_run("epmd")?;
                for port in publish {
                    command.args(["--publish", &format!("127.0.0.1:{port}:{port}")]);
                }
                command.args(["--entrypoint", "epmd", image]).args(&args[1..]);
                Ok(command)
            }
            Place::Installed(_) | Place::Root(_) => {
                let mut command = self.local(&args, &[]);
                command.args(["-address", "127.0.0.1"]);
                Ok(held_back(&command))
            }
        }
    }

    /// A node's server.
    pub(crate) fn server(&self, node: &str, variables: &[Variable]) -> io::Result<Command> {
        if let Place::Docker(image) = &self.place {
            let network = format!("container:{}", self.container("epmd").unwrap_or_default());
            let mut command = self.docker_run(node)?;
            command.args(["--network", &network]);
            for (name, value) in variables {
                command.args(["--env", &format!("{name}={value}")]);
            }
            // Past the image's own start, which would change the user and the owner of our files.
            command.args(["--entrypoint", "rabbitmq-server", image]);
            return Ok(command);
        }
        let command = self.local(&[&self.script("rabbitmq-server")], variables);
        Ok(held_back(&command))
    }

    /// One of RabbitMQ's tools, talking to a node.
    pub(crate) fn tool(&self, node: &str, name: &str, args: &[&str], variables: &[Variable]) -> Command {
        let mut command = if matches!(self.place, Place::Docker(_)) {
            let mut command = Command::new("docker");
            command.args(["exec", &self.container(node).unwrap_or_default(), name]);
            command
        } else {
            self.local(&[&self.script(name)], variables)
        };
        command.args(args);
        command
    }

    fn script(&self, name: &str) -> String {
        match &self.place {
            Place::Installed(bin) => bin.join(name).display().to_string(),
            Place::Root(_) | Place::Docker(_) => format!("/usr/lib/rabbitmq/bin/{name}"),
        }
    }

    fn local(&self, program: &[&str], variables: &[Variable]) -> Command {
        let mut command = match &self.place {
            Place::Root(root) => {
                let shared = self.folder.parent().unwrap_or(Path::new("/"));
                let mut command = Command::new("unshare");
                command
                    .args([
                        "--mount",
                        "--propagation",
                        "private",
                        "sh",
                        "-c",
                        INSIDE,
                        "inside",
                    ])
                    .args([root, shared])
                    .args(program);
                command
            }
            Place::Installed(_) | Place::Docker(_) => {
                let mut command = Command::new(program[0]);
                command.args(&program[1..]);
                command
            }
        };
        // Nothing of what the shell of the moment says about another RabbitMQ.
        command
            .env_clear()
            .env("PATH", path())
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.folder)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder);
        command
    }

    fn docker_run(&self, name: &str) -> io::Result<Command> {
        let folder = self.folder.display();
        let owner = fs::metadata(&self.folder)?;
        let mut command = Command::new("docker");
        command
            .args(["run", "--rm", "--name", &self.container(name).unwrap_or_default()])
            // As ourselves: else the files it writes are not ours to delete.
            .args(["--user", &format!("{}:{}", owner.uid(), owner.gid())])
            .args(["--volume", &format!("{folder}:{folder}")])
            .args(["--env", &format!("HOME={folder}")]);
        Ok(command)
    }
}

fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(PATH);
    path
}

/// The same command behind [`HERE`].
fn held_back(command: &Command) -> Command {
    let mut held = Command::new("sh");
    held.args(["-c", HERE, "here"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            held.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        held.current_dir(folder);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(place: Place) -> World {
        World {
            place,
            folder: std::env::temp_dir(),
        }
    }

    fn shown(command: &Command) -> String {
        let mut words = vec![command.get_program()];
        words.extend(command.get_args());
        words.join(" ".as_ref()).to_string_lossy().into_owned()
    }

    trait Join {
        fn join(&self, by: &std::ffi::OsStr) -> OsString;
    }

    impl Join for Vec<&std::ffi::OsStr> {
        fn join(&self, by: &std::ffi::OsStr) -> OsString {
            let mut all = OsString::new();
            for (index, word) in self.iter().enumerate() {
                if index > 0 {
                    all.push(by);
                }
                all.push(word);
            }
            all
        }
    }

    #[test]
    fn a_container_joins_the_network_that_publishes_its_ports() {
        let docker = world(Place::Docker("rabbitmq:4".to_owned()));
        let network = docker.container("epmd").unwrap();
        let epmd = shown(&docker.epmd(10_000, &[10_001]).unwrap());
        assert!(epmd.contains(&format!("--name {network} ")), "{epmd}");
        assert!(
            epmd.ends_with("--publish 127.0.0.1:10001:10001 --entrypoint epmd rabbitmq:4 -port 10000"),
            "{epmd}"
        );
        let server = shown(&docker.server("n1", &[("A", "b".to_owned())]).unwrap());
        assert!(
            server.ends_with(&format!(
                "--network container:{network} --env A=b --entrypoint rabbitmq-server rabbitmq:4"
            )),
            "{server}"
        );
        let tool = shown(&docker.tool("n1", "rabbitmqctl", &["status"], &[]));
        assert_eq!(
            tool,
            format!(
                "docker exec {} rabbitmqctl status",
                docker.container("n1").unwrap()
            )
        );
    }

    #[test]
    fn what_is_installed_runs_with_our_environment_only() {
        let here = world(Place::Installed("/opt/rabbit/sbin".into()));
        let tool = here.tool("n1", "rabbitmqctl", &["status"], &[("A", "b".to_owned())]);
        assert_eq!(shown(&tool), "/opt/rabbit/sbin/rabbitmqctl status");
        let names: Vec<_> = tool.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["A", "HOME", "LANG", "PATH"]);
    }
}
