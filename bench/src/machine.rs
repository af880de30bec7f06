//! CPU time, memory and a description of the machine, as Linux reports them.

use std::fs;
use std::process::Command;

/// `/proc` counts CPU time in hundredths of a second.
const TICKS: f64 = 100.0;

#[allow(clippy::cast_precision_loss)] // A process runs for less than 2^53 seconds.
pub(crate) fn cpu_of_self() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The CPU seconds of another process with all its threads.
pub(crate) fn cpu_of(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name may contain spaces and parentheses. It ends with the last parenthesis.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| {
        numbers
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS
}

/// The CPU time of this thread in nanoseconds. `/proc` is too coarse here: the kernel updates it once a tick.
#[allow(clippy::cast_precision_loss)] // A thread runs for days, not for months.
pub(crate) fn thread_nanos() -> f64 {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    ran.tv_sec as f64 * 1e9 + ran.tv_nsec as f64
}

/// The CPU seconds of all processes together.
pub(crate) fn cpu_of_all() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let numbers: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait), irq, softirq, steal
    let busy: f64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&at| numbers.get(at)).sum();
    busy / TICKS
}

/// The peak resident memory of a process, in KiB.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

/// The resident memory of a process now, in KiB.
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

/// Describes the machine and the versions of its programs, one per line.
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
