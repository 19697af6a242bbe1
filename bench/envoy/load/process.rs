//! What the kernel says about a process.

/// Memory of its own that a process holds, in MiB.
pub fn anonymous_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("a running Envoy");
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    number.expect("RssAnon in the process's status") / 1_024.0
}
