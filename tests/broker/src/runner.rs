//! Runs commands where RabbitMQ is installed: on this machine, in an unpacked Debian, or in a container.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::Place;

/// Runs the commands of a sandbox. All processes see `folder` under the same path.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    pub(crate) place: Place,
    pub(crate) folder: PathBuf,
}

pub(crate) type Variable = (&'static str, String);

// Every step is an `exec`, so that the pid of the child is the pid of the node. `ulimit` is raised because a node with
// few file descriptors lowers its own limits.
//
// The script waits for a line on stdin, which is sent when the watcher knows the process. So a killed test leaves
// nothing behind.
const ON_THIS_MACHINE: &str = r#"
read -r _ || exit
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec "$@" </dev/null
"#;

// The command runs in its own mount namespace, so that nothing stays mounted. The mounted folder is the temporary folder
// of the machine, which also contains the certificates of a test.
const IN_A_ROOT: &str = r#"
root=$1 shared=$2
shift 2
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" || exit
mkdir -p "$root$shared" && mount --rbind "$shared" "$root$shared" || exit
exec chroot "$root" "$@"
"#;

/// The usual folders of programs. The inherited `PATH` may lack those of root.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Runner {
    /// The name of a container, when RabbitMQ runs in Docker.
    pub(crate) fn container(&self, name: &str) -> Option<String> {
        match &self.place {
            Place::Docker(_) => {
                let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
                Some(format!("{folder}-{name}"))
            }
            Place::Installed(_) | Place::Root(_) => None,
        }
    }

    /// The command of Erlang's port mapper, in the foreground. In Docker the nodes join the network of its container, so
    /// this container publishes their ports.
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
                Ok(delayed_until_watched(&command))
            }
        }
    }

    pub(crate) fn server(&self, node: &str, variables: &[Variable]) -> io::Result<Command> {
        if let Place::Docker(image) = &self.place {
            let network = format!("container:{}", self.container("epmd").unwrap_or_default());
            let mut command = self.docker_run(node)?;
            command.args(["--network", &network]);
            for (name, value) in variables {
                command.args(["--env", &format!("{name}={value}")]);
            }
            // The entrypoint of the image would change the user and the owner of our files.
            command.args(["--entrypoint", "rabbitmq-server", image]);
            return Ok(command);
        }
        let command = self.local(&[&self.script("rabbitmq-server")], variables);
        Ok(delayed_until_watched(&command))
    }

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
                        IN_A_ROOT,
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
        // The variables of the current shell may describe another RabbitMQ.
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
            // The current user must be able to delete the files of the container.
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

/// Returns the same command, started by [`ON_THIS_MACHINE`].
fn delayed_until_watched(command: &Command) -> Command {
    let mut delayed = Command::new("sh");
    delayed
        .args(["-c", ON_THIS_MACHINE, "here"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            delayed.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        delayed.current_dir(folder);
    }
    delayed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(place: Place) -> Runner {
        Runner {
            place,
            folder: std::env::temp_dir(),
        }
    }

    fn command_line(command: &Command) -> String {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(std::ffi::OsStr::to_string_lossy).collect();
        words.join(" ")
    }

    #[test]
    fn a_node_container_joins_the_network_of_the_port_mapper() {
        let docker = runner(Place::Docker("rabbitmq:4".to_owned()));
        let network = docker.container("epmd").unwrap();
        let epmd = command_line(&docker.epmd(10_000, &[10_001]).unwrap());
        assert!(epmd.contains(&format!("--name {network} ")), "{epmd}");
        assert!(
            epmd.ends_with("--publish 127.0.0.1:10001:10001 --entrypoint epmd rabbitmq:4 -port 10000"),
            "{epmd}"
        );
        let server = command_line(&docker.server("n1", &[("A", "b".to_owned())]).unwrap());
        assert!(
            server.ends_with(&format!(
                "--network container:{network} --env A=b --entrypoint rabbitmq-server rabbitmq:4"
            )),
            "{server}"
        );
        let tool = command_line(&docker.tool("n1", "rabbitmqctl", &["status"], &[]));
        assert_eq!(
            tool,
            format!(
                "docker exec {} rabbitmqctl status",
                docker.container("n1").unwrap()
            )
        );
    }

    #[test]
    fn an_installed_tool_gets_only_our_variables() {
        let here = runner(Place::Installed("/opt/rabbit/sbin".into()));
        let tool = here.tool("n1", "rabbitmqctl", &["status"], &[("A", "b".to_owned())]);
        assert_eq!(command_line(&tool), "/opt/rabbit/sbin/rabbitmqctl status");
        let names: Vec<_> = tool.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["A", "HOME", "LANG", "PATH"]);
    }
}
