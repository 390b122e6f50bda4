//! What the system under test and the harness weigh at one moment.

use serde::{Deserialize, Serialize};

/// Everything that was weighed together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// The processes, the harness's own among them.
    pub processes: Vec<Weight>,
    /// Size of the pipeline's database file, bytes, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<u64>,
}

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Its role; "loadgen" is the harness itself.
    pub process: String,
    /// Resident memory, bytes.
    pub memory: u64,
    /// Open file handles, sockets among them.
    pub files: u64,
    /// Threads.
    pub threads: u64,
    /// Asynchronous tasks that are alive, where the process tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u64>,
}
