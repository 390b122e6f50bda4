//! The options of a run that is watched while it goes on.

use std::net::SocketAddr;

use reference::pages::guard;

use crate::live::LiveSettings;

/// Watching a run while it is under way.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LiveArgs {
    /// Show the run live on a page of this machine, on this address of loopback or on a free port; /metrics there is for Prometheus
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0", value_parser = guard::loopback, conflicts_with = "run_id")]
    pub live: Option<SocketAddr>,
    /// Leave the live page, and the report on it, where it is when the run is over, until Ctrl-C
    #[arg(long, requires = "live")]
    pub live_linger: bool,
}

impl LiveArgs {
    pub(crate) fn settings(&self) -> Option<LiveSettings> {
        self.live.map(|address| LiveSettings { address, linger: self.live_linger })
    }
}
