//! What a process has cost, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// The kernel's clock ticks a second on every Linux this runs on (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// One line of `/proc/{pid}/stat`.
struct Stat {
    name: String,
    parent: u32,
    own_ticks: u64,
    /// Of children that have ended.
    ended_ticks: u64,
}

impl Stat {
    fn of(pid: u32) -> anyhow::Result<Stat> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold spaces; the fields count from behind it.
        let (name, fields) = stat.rsplit_once(')').context("an odd /proc stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |place: usize| -> anyhow::Result<u64> {
            Ok(fields
                .get(place)
                .context("a short /proc stat")?
                .parse::<u64>()?)
        };
        Ok(Stat {
            name: name.split_once('(').map_or("", |(_, name)| name).to_owned(),
            parent: number(1)? as u32,
            own_ticks: number(11)? + number(12)?,
            ended_ticks: number(13)? + number(14)?,
        })
    }
}

/// Processor time of a process and all its children, ended ones included.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = Stat::of(pid)?;
    let mut ticks = stat.own_ticks + stat.ended_ticks;
    for child in children(pid)? {
        // One that ends while we look is in its parent's count a moment later.
        ticks += Stat::of(child).map_or(0, |stat| stat.own_ticks + stat.ended_ticks);
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// The child of this process with that name.
pub fn child_named(name: &str) -> anyhow::Result<u32> {
    let mut named = children(std::process::id())?
        .into_iter()
        .filter(|pid| Stat::of(*pid).is_ok_and(|stat| stat.name == name));
    named
        .next()
        .with_context(|| format!("no child named {name}"))
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?.filter_map(|entry| {
        entry
            .ok()
            .and_then(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
    });
    Ok(processes
        .filter(|pid| Stat::of(*pid).is_ok_and(|stat| stat.parent == parent))
        .collect())
}

/// Resident memory in megabytes: now, and at its highest.
pub fn resident_mb(pid: u32) -> anyhow::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> anyhow::Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line
            .and_then(|line| line.split_whitespace().next())
            .with_context(|| format!("no {name}"))?;
        Ok(kilobytes.parse::<f64>()? / 1024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
