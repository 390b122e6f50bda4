//! The machine and the build of a run: without them no number of a result means anything.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// Where a run ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors the process may use.
    pub cores: u64,
    /// Operating system, with its kernel's version where known ("linux 6.1.0").
    pub os: String,
    /// Processor architecture ("x86_64").
    pub arch: String,
    /// Processor model, as it names itself; empty where unknown.
    #[serde(default)]
    pub cpu_model: String,
    /// "dev" or "release": dev builds are several times slower, and a gate refuses to compare across.
    pub profile: String,
    /// Versions of what took part: name, version.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    /// The machine this process runs on, and this build.
    #[must_use]
    pub fn detect() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Machine {
            cores: thread::available_parallelism().map_or(1, |n| n.get() as u64),
            os: format!("{} {}", std::env::consts::OS, kernel.trim()).trim_end().to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpu_model: cpu_model(&cpu),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" }.to_owned(),
            versions: BTreeMap::from([("rushproof".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        }
    }
}

/// The first "model name" of `/proc/cpuinfo`.
fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_from_cpuinfo_and_empty_where_it_is_not_said() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nmodel name\t: other\n"), "Fast CPU @ 3 GHz");
        assert_eq!(cpu_model("Processor: ARM\n"), "");
    }

    #[test]
    fn this_machine_has_at_least_one_core() {
        let machine = Machine::detect();
        assert!(machine.cores >= 1 && !machine.os.is_empty() && !machine.arch.is_empty());
    }
}
