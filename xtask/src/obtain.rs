//! Finds or installs a RabbitMQ. Where neither is possible, the error says what to install.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fmt, fs, io, process};

use tidings_broker::{Install, Place, Version};

use crate::child;
use crate::tool::Tool;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// Any version: the installed one, or else the oldest that we support from Docker, or else the distribution's.
    Any,
    Version(Version),
}

/// What a machine has, and what it could install.
#[derive(Debug, Clone, Default)]
struct Machine {
    installed: Option<Install>,
    /// The Debian suites that an earlier run unpacked.
    unpacked: Vec<Install>,
    /// Whether the Docker engine answers.
    docker: bool,
    root: bool,
    system: System,
    /// The version that the distribution would install.
    packaged: Option<Version>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum System {
    Debian,
    Ubuntu,
    #[default]
    Other,
}

#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Use(Install),
    /// Pull this Docker image.
    Pull(String),
    /// Install the distribution's package.
    Package,
    /// Unpack this suite of Debian and run the RabbitMQ inside it.
    Unpack(&'static str),
}

/// The oldest version that we support.
const OLDEST: &str = "3.10";
/// Stable Debian suites and their versions of RabbitMQ. Every other version is expected in `UNSTABLE`.
const STABLE: [(&str, &str); 2] = [("bookworm", "3.10"), ("trixie", "4.0")];
const UNSTABLE: &str = "sid";

const QUERY_LIMIT: Duration = Duration::from_secs(15);
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(15);

const PACKAGE: &str = "rabbitmq-server";

fn plan(want: &Want, machine: &Machine) -> Result<Plan, String> {
    let is_wanted = |version: &Version| match want {
        Want::Any => true,
        Want::Version(wanted) => wanted.covers(version),
    };
    if let Some(installed) = &machine.installed
        && is_wanted(&installed.version)
    {
        return Ok(Plan::Use(installed.clone()));
    }
    let unpacked = machine.unpacked.iter();
    let newest = unpacked
        .filter(|install| is_wanted(&install.version))
        .max_by_key(|install| &install.version);
    if let (Want::Version(_), Some(newest)) = (want, newest) {
        return Ok(Plan::Use(newest.clone()));
    }
    if machine.docker {
        return Ok(Plan::Pull(image(want)));
    }
    if machine.root && machine.installed.is_none() && machine.packaged.as_ref().is_some_and(is_wanted) {
        return Ok(Plan::Package);
    }
    match want {
        Want::Version(version) if machine.root && machine.system == System::Debian => {
            Ok(Plan::Unpack(suite_of(version)))
        }
        _ => Err(advice(want, machine)),
    }
}

fn image(want: &Want) -> String {
    match want {
        Want::Any => format!("rabbitmq:{OLDEST}"),
        Want::Version(version) => format!("rabbitmq:{version}"),
    }
}

fn suite_of(version: &Version) -> &'static str {
    STABLE
        .iter()
        .find(|(_, has)| {
            has.parse()
                .is_ok_and(|has: Version| has.covers(version) || has == *version)
        })
        .map_or(UNSTABLE, |(suite, _)| suite)
}

/// The error when this command cannot get the wanted RabbitMQ.
fn advice(want: &Want, machine: &Machine) -> String {
    let start = "start Docker (`docker info` must succeed)";
    let system = match (want, machine.system) {
        (Want::Any, System::Other) => Some("install RabbitMQ so that `rabbitmq-server` is in the path"),
        (Want::Any, _) => Some("install it with `sudo apt-get install rabbitmq-server`"),
        (Want::Version(_), System::Debian) => {
            Some("run this command as root, once, to unpack a newer Debian")
        }
        (Want::Version(_), _) => None,
    };
    let options = match system {
        Some(system) => format!("{start} or {system}"),
        None => start.to_owned(),
    };
    format!("no {want} on this machine; {options}, or test without it: `--broker memory`")
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("RabbitMQ"),
            Self::Version(version) => write!(f, "RabbitMQ {version}"),
        }
    }
}

pub(crate) fn obtain(want: &Want) -> Result<Install, String> {
    let cache = cache()?;
    match plan(want, &Machine::inspect(&cache)?)? {
        Plan::Use(install) => Ok(install),
        Plan::Pull(image) => pull(image),
        Plan::Package => package(),
        Plan::Unpack(suite) => {
            let install = unpack(suite, &cache)?;
            match want {
                Want::Version(version) if !version.covers(&install.version) => Err(format!(
                    "Debian has no {want}, {suite} is at {}; start Docker (`docker info` must succeed)",
                    install.version
                )),
                _ => Ok(install),
            }
        }
    }
}

/// Makes sure that a tool works. On Debian and Ubuntu, root installs a missing one.
pub(crate) fn tool(tool: &Tool) -> Result<(), String> {
    let Err(fault) = tool.need() else {
        return Ok(());
    };
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if tool.packages.is_empty() || system(&release) == System::Other || !is_root() {
        return Err(fault);
    }
    // A fresh machine has no package lists.
    run("apt-get", &["update", "-q"])?;
    install_packages(tool.packages)?;
    tool.need()
}

/// The folder for unpacked Debian suites, and for the lock files of `cargo xtask broker start`.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let under = |name, rest| {
        env::var_os(name)
            .filter(|folder| !folder.is_empty())
            .map(|folder| Path::new(&folder).join(rest))
    };
    under("XDG_CACHE_HOME", "tidings")
        .or_else(|| under("HOME", ".cache/tidings"))
        .ok_or_else(|| "cannot find a cache folder; set `HOME`".to_owned())
}

impl Machine {
    fn inspect(cache: &Path) -> Result<Self, String> {
        let mut machine = Self {
            installed: Install::on_this_machine().map_err(|error| format!("{error:?}"))?,
            unpacked: fs::read_dir(cache)
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                // The name of an incomplete suite starts with a dot.
                .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
                .filter_map(|entry| Install::in_root(&entry.path()))
                .collect(),
            docker: output_of("docker", &["info"]).is_some(),
            root: is_root(),
            system: system(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
            packaged: None,
        };
        // Only root can run an unpacked suite.
        if !machine.root {
            machine.unpacked.clear();
        }
        if machine.root && machine.installed.is_none() && !machine.docker && machine.system != System::Other {
            machine.packaged = packaged();
            if machine.packaged.is_none() {
                // A fresh machine has no package lists.
                run("apt-get", &["update", "-q"])?;
                machine.packaged = packaged();
            }
        }
        Ok(machine)
    }
}

fn is_root() -> bool {
    output_of("id", &["-u"]).is_some_and(|id| id.trim() == "0")
}

// ID=debian
// ID="ubuntu"
fn system(release: &str) -> System {
    let id = release.lines().find_map(|line| line.strip_prefix("ID="));
    match id.map(|id| id.trim_matches('"')) {
        Some("debian") => System::Debian,
        Some("ubuntu") => System::Ubuntu,
        _ => System::Other,
    }
}

fn packaged() -> Option<Version> {
    candidate(&output_of("apt-cache", &["policy", PACKAGE])?)
}

//   Candidate: 3.10.8-1.1+deb12u1
//   Candidate: (none)
fn candidate(policy: &str) -> Option<Version> {
    let candidate = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let upstream = candidate.split(['-', '+', '~']).next()?;
    upstream.parse().ok()
}

fn pull(image: String) -> Result<Install, String> {
    run("docker", &["pull", &image])?;
    let format = "{{range .Config.Env}}{{println .}}{{end}}";
    let environment =
        output_of("docker", &["image", "inspect", "--format", format, &image]).unwrap_or_default();
    let version = environment
        .lines()
        .find_map(|line| line.strip_prefix("RABBITMQ_VERSION=")?.parse().ok())
        .ok_or_else(|| format!("the image `{image}` does not say which RabbitMQ it contains"))?;
    let place = Place::Docker(image);
    Ok(Install { place, version })
}

/// Installs packages, but starts no server: Debian asks `policy-rc.d` before it starts one. The script deletes
/// `policy-rc.d` at its end, but only if the script made it.
const PACKAGING: &str = r#"
policy=/usr/sbin/policy-rc.d
if (set -C; printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "$@"
"#;

fn install_packages(packages: &[&str]) -> Result<(), String> {
    let mut args = vec!["-c", PACKAGING, "apt-get"];
    args.extend(packages);
    run("sh", &args).map_err(|fault| format!("cannot install {}: {fault}", packages.join(" and ")))
}

fn package() -> Result<Install, String> {
    install_packages(&[PACKAGE])?;
    Install::on_this_machine()
        .map_err(|error| format!("{error:?}"))?
        .ok_or_else(|| format!("no RabbitMQ found after the installation of `{PACKAGE}`"))
}

/// RabbitMQ and the programs that its scripts use. The variant `extract` unpacks no other packages.
const CONTENTS: &str =
    "--include=base-files,rabbitmq-server,coreutils,dash,sed,grep,gawk,procps,hostname,util-linux";

/// Unpacks a suite of Debian. None of its install scripts run.
fn unpack(suite: &str, cache: &Path) -> Result<Install, String> {
    if output_of("mmdebstrap", &["--version"]).is_none() {
        install_packages(&["mmdebstrap"])?;
    }
    let mirror = mirror()?;
    let failed = |error: io::Error| format!("cannot write to {}: {error}", cache.display());
    fs::create_dir_all(cache).map_err(failed)?;
    delete_partial(cache).map_err(failed)?;
    // The folder gets the name of the suite only when it is complete. So the next run cannot mistake the rest of an
    // interrupted run for a complete suite.
    let partial = cache.join(format!(".{suite}-{}", process::id()));
    let shown = partial.display().to_string();
    run(
        "mmdebstrap",
        &[
            "--quiet",
            "--variant=extract",
            "--skip=check/empty",
            // A frozen mirror is past its date. Its signatures are checked all the same.
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
            "--aptopt=APT::Install-Recommends \"false\"",
            CONTENTS,
            suite,
            &shown,
            &mirror,
        ],
    )
    .map_err(|fault| {
        // If this fails, the next run deletes the folder.
        let _ = fs::remove_dir_all(&partial);
        format!("cannot unpack Debian {suite}: {fault}")
    })?;
    for folder in ["proc", "dev", "etc"] {
        fs::create_dir_all(partial.join(folder)).map_err(failed)?;
    }
    fs::write(partial.join("etc/hosts"), "127.0.0.1 localhost\n").map_err(failed)?;
    fs::write(partial.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").map_err(failed)?;
    if Install::in_root(&partial).is_none() {
        return Err(format!("no RabbitMQ in the unpacked Debian {suite}; see {shown}"));
    }
    let complete = cache.join(suite);
    if let Err(error) = fs::rename(&partial, &complete) {
        // Another run may have been faster. Use the folder of that run.
        fs::remove_dir_all(&partial).map_err(failed)?;
        if !complete.exists() {
            return Err(failed(error));
        }
    }
    Install::in_root(&complete).ok_or_else(|| format!("no RabbitMQ in {}; delete it", complete.display()))
}

/// Deletes the incomplete suites of runs that have ended.
fn delete_partial(cache: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix('.')?.rsplit_once('-')?.1.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The mirror of Debian that this machine uses.
fn mirror() -> Result<String, String> {
    let targets = || {
        output_of(
            "apt-get",
            &[
                "indextargets",
                "--format",
                "$(REPO_URI)",
                "Created-By: Packages",
                "Origin: Debian",
                "Label: Debian",
            ],
        )
        .and_then(|targets| Some(targets.lines().next()?.to_owned()))
    };
    if let Some(mirror) = targets() {
        return Ok(mirror);
    }
    run("apt-get", &["update", "-q"])?;
    targets().ok_or_else(|| "no mirror of Debian in the apt configuration".to_owned())
}

/// The output of a short command, if the command succeeds.
fn output_of(program: &str, args: &[&str]) -> Option<String> {
    let mut output = String::new();
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stderr(Stdio::null());
    let end = child::run(&mut command, QUERY_LIMIT, |line| {
        output.push_str(&String::from_utf8_lossy(line));
        false
    });
    child::fault(end).is_none().then_some(output)
}

/// Runs a command that downloads or installs, and prints its output.
fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1");
    match child::run_and_print(&mut command, DOWNLOAD_LIMIT) {
        None => Ok(()),
        Some(fault) => Err(format!("`{program}` {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(place: Place, version: &str) -> Install {
        Install {
            place,
            version: version.parse().unwrap(),
        }
    }

    fn installed(version: &str) -> Install {
        install(Place::Installed("/bin".into()), version)
    }

    fn unpacked(suite: &str, version: &str) -> Install {
        install(Place::Root(suite.into()), version)
    }

    fn version(text: &str) -> Want {
        Want::Version(text.parse().unwrap())
    }

    fn debian() -> Machine {
        Machine {
            root: true,
            system: System::Debian,
            packaged: "3.10.8".parse().ok(),
            ..Machine::default()
        }
    }

    #[test]
    fn a_tool_without_a_package_is_not_installed() {
        let missing = Tool {
            name: "no-such-tool",
            variable: None,
            probe: &[],
            advice: "make it",
            packages: &[],
        };
        assert_eq!(tool(&missing), missing.need());
        assert!(tool(&missing).is_err());
    }

    #[test]
    fn an_installed_version_is_used_first() {
        let machine = Machine {
            installed: Some(installed("3.12.1")),
            docker: true,
            ..debian()
        };
        for want in [Want::Any, version("3"), version("3.12")] {
            assert_eq!(plan(&want, &machine), Ok(Plan::Use(installed("3.12.1"))));
        }
    }

    #[test]
    fn docker_is_used_before_a_package() {
        let machine = Machine {
            docker: true,
            ..debian()
        };
        for (want, image) in [
            (Want::Any, "rabbitmq:3.10"),
            (version("4"), "rabbitmq:4"),
            (version("4.1.2"), "rabbitmq:4.1.2"),
        ] {
            assert_eq!(plan(&want, &machine), Ok(Plan::Pull(image.to_owned())));
        }
    }

    #[test]
    fn root_on_a_fresh_debian_installs_its_package_and_unpacks_newer_ones() {
        for (want, then) in [
            (Want::Any, Plan::Package),
            (version("3.10"), Plan::Package),
            (version("4"), Plan::Unpack("sid")),
            (version("4.3"), Plan::Unpack("sid")),
            (version("4.0"), Plan::Unpack("trixie")),
            (version("4.0.5"), Plan::Unpack("trixie")),
        ] {
            assert_eq!(plan(&want, &debian()), Ok(then), "{want}");
        }
    }

    #[test]
    fn a_package_of_the_wanted_version_is_installed() {
        let machine = Machine {
            system: System::Ubuntu,
            packaged: "4.0.5".parse().ok(),
            ..debian()
        };
        assert_eq!(plan(&version("4"), &machine), Ok(Plan::Package));
    }

    #[test]
    fn the_package_is_not_installed_over_another_version() {
        let machine = Machine {
            installed: Some(installed("4.1.0")),
            ..debian()
        };
        assert_eq!(plan(&version("3.10"), &machine), Ok(Plan::Unpack("bookworm")));
    }

    #[test]
    fn the_newest_unpacked_version_is_used_again() {
        let machine = Machine {
            unpacked: vec![unpacked("sid", "4.3.6"), unpacked("trixie", "4.0.5")],
            ..debian()
        };
        for (want, then) in [
            ("4", unpacked("sid", "4.3.6")),
            ("4.0", unpacked("trixie", "4.0.5")),
        ] {
            assert_eq!(plan(&version(want), &machine), Ok(Plan::Use(then)));
        }
        assert_eq!(plan(&version("4.5"), &machine), Ok(Plan::Unpack("sid")));
        assert_eq!(plan(&Want::Any, &machine), Ok(Plan::Package));
    }

    #[test]
    fn the_error_says_what_to_install() {
        let user = Machine {
            root: false,
            ..debian()
        };
        let mac = Machine::default();
        for (want, machine, fault) in [
            (
                Want::Any,
                &user,
                "no RabbitMQ on this machine; start Docker (`docker info` must succeed) or install it with \
                 `sudo apt-get install rabbitmq-server`, or test without it: `--broker memory`",
            ),
            (
                version("4"),
                &user,
                "no RabbitMQ 4 on this machine; start Docker (`docker info` must succeed) or run this command as \
                 root, once, to unpack a newer Debian, or test without it: `--broker memory`",
            ),
            (
                Want::Any,
                &mac,
                "no RabbitMQ on this machine; start Docker (`docker info` must succeed) or install RabbitMQ so that \
                 `rabbitmq-server` is in the path, or test without it: `--broker memory`",
            ),
            (
                version("4"),
                &mac,
                "no RabbitMQ 4 on this machine; start Docker (`docker info` must succeed), or test without it: \
                 `--broker memory`",
            ),
        ] {
            assert_eq!(plan(&want, machine), Err(fault.to_owned()));
        }
    }

    #[test]
    fn a_system_is_recognized_by_its_id() {
        assert_eq!(system("NAME=x\nID=debian\nID_LIKE=y\n"), System::Debian);
        assert_eq!(system("ID=\"ubuntu\"\n"), System::Ubuntu);
        assert_eq!(system("ID_LIKE=debian\nID=mint\n"), System::Other);
    }

    #[test]
    fn a_candidate_is_read_without_its_package_revision() {
        let policy = |candidate| format!("rabbitmq-server:\n  Installed: (none)\n  Candidate: {candidate}\n");
        assert_eq!(candidate(&policy("3.10.8-1.1+deb12u1")), "3.10.8".parse().ok());
        assert_eq!(candidate(&policy("(none)")), None);
        assert_eq!(candidate(""), None);
    }
}
