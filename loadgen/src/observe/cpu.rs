//! Processor time, where the operating system tells it (Linux); elsewhere it stays unknown.

use crate::result::totals::Cost;

/// Microseconds per tick of `/proc/PID/stat`: Linux shows 100 ticks a second to programs, whatever the kernel's own rate (proc(5), USER_HZ).
const TICK_US: u64 = 10_000;

/// Measures from its start to its stop.
#[derive(Debug)]
pub struct CpuMeter {
    target: Vec<(u32, Option<u64>)>,
    own: Option<u64>,
}

impl CpuMeter {
    /// Starts measuring this process, and the processes of the system under test.
    #[must_use]
    pub fn start(target: impl Iterator<Item = u32>) -> Self {
        Self { target: target.map(|pid| (pid, processor_time(pid))).collect(), own: processor_time(std::process::id()) }
    }

    /// What was used since.
    #[must_use]
    pub fn stop(self) -> Cost {
        let since = |pid: u32, before: Option<u64>| Some(processor_time(pid)?.saturating_sub(before?));
        Cost {
            // One process that cannot be read (it died) makes the sum meaningless.
            target_cpu_us: self.target.iter().map(|&(pid, before)| since(pid, before)).sum(),
            generator_cpu_us: since(std::process::id(), self.own),
        }
    }
}

/// User and system time of a process so far, µs.
fn processor_time(pid: u32) -> Option<u64> {
    ticks(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|ticks| ticks * TICK_US)
}

/// utime and stime are fields 14 and 15; field 2 is the program's name in brackets, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a ) (b) S 1 42 42 0 -1 4194304 10 0 0 0 7 5 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(12));
        assert_eq!(ticks("nonsense"), None);
    }
}
