//! What the machine says of its processes, on Linux: CPU time, peak memory, and what others took.

use std::fs;
use std::process::Command;

/// What processes have used since they began, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu(pub(crate) f64);

/// The kernel counts in hundredths of a second, on every Linux there is.
const TICKS: f64 = 100.0;

/// The CPU time of this process, to the microsecond.
pub(crate) fn cpu_of_self() -> Cpu {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss)] // Nobody waits for 2^53 seconds.
    Cpu(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// The CPU time of another process and all its threads.
pub(crate) fn cpu_of(pid: u32) -> Cpu {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it may hold spaces, and ends with the last parenthesis.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| {
        numbers
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    Cpu((ticks(11) + ticks(12)) / TICKS)
}

/// The CPU time of this thread, in nanoseconds: the clock itself, since `/proc` is brought up to date at each tick alone.
#[allow(clippy::cast_precision_loss)] // Of days.
pub(crate) fn thread_nanos() -> f64 {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    ran.tv_sec as f64 * 1e9 + ran.tv_nsec as f64
}

/// The CPU time that all processes together have used.
pub(crate) fn cpu_of_all() -> Cpu {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let numbers: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait), irq, softirq, steal
    let busy: f64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&at| numbers.get(at)).sum();
    Cpu(busy / TICKS)
}

/// The most memory that a process ever had, in KiB.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

/// The memory that a process has now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// What this machine is and what runs on it, a line each.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let memory = memory.lines().next().and_then(kib).unwrap_or(0) / 1024;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut lines = vec![
        format!(
            "{cores} cores of {}, {memory} MiB",
            if model.is_empty() {
                "an unknown model"
            } else {
                model
            }
        ),
        format!("Linux {}", kernel.trim()),
    ];
    for program in ["rustc", "python3", "node"] {
        let output = Command::new(program).arg("--version").output();
        let version = output.map_or_else(
            |_| format!("no {program}"),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        );
        lines.push(if program == "node" {
            format!("Node {version}")
        } else {
            version
        });
    }
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    lines.push(format!("Tidings at {}", commit.unwrap_or_default()));
    lines.join("\n")
}
