//! What a process has cost, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// The kernel's clock ticks a second on every Linux this runs on (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// Processor time used so far, user and system.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; the fields count from behind it.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("an odd /proc stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Resident memory in megabytes.
pub fn resident_mb(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS")?;
    let kilobytes: u64 = line
        .split_whitespace()
        .nth(1)
        .context("no VmRSS")?
        .parse()?;
    Ok(kilobytes / 1024)
}
