//! What the kernel says about a process.

use std::fs;

/// CPU time that all threads of a process have used so far, in microseconds.
pub fn cpu_micros(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running Envoy");
    let nanos = threads.filter_map(|thread| {
        // A thread may end in between.
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1_000.0
}

/// Memory of its own that a process holds, in KiB.
pub fn anonymous_kib(process: u32) -> f64 {
    status_kib(process, "RssAnon:")
}

/// All memory that a process holds, with the parts of its files that it has read, in KiB.
pub fn resident_kib(process: u32) -> f64 {
    status_kib(process, "VmRSS:")
}

fn status_kib(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running Envoy");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.expect("the number in the process's status")
}
