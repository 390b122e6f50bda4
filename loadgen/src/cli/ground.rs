//! Options that say what the pipeline stands on.

use std::fmt::{Debug, Formatter, Result as FmtResult};

use crate::ground::Ground;

/// What the pipeline stands on.
#[derive(Clone, Default, clap::Args)]
pub struct GroundArgs {
    /// Database server for the pipeline: mysql://user:password@host:port makes a database for this run and drops it afterwards,
    /// mysql://user:password@host:port/database uses an empty one and leaves it [default: a file of the run's own]
    #[arg(long, env = "RUSHPROOF_DATABASE", hide_env_values = true, value_name = "URL", value_parser = parse_database)]
    pub database: Option<String>,
    /// SQS and SNS for the pipeline: `embedded`, or the URL of an endpoint that takes any credentials, such as http://127.0.0.1:4566; each run
    /// is an account of its own there
    #[arg(long, value_name = "embedded|URL", value_parser = parse_backend)]
    pub backend: Option<Backend>,
}

/// Who plays SQS and SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// The embedded broker.
    Embedded,
    /// Somebody else.
    At(String),
}

impl GroundArgs {
    pub(super) fn ground(self) -> Ground {
        let backend = self.backend.and_then(|backend| match backend {
            Backend::Embedded => None,
            Backend::At(url) => Some(url),
        });
        Ground { database: self.database, backend }
    }
}

fn parse_backend(text: &str) -> Result<Backend, &'static str> {
    match text {
        "embedded" => Ok(Backend::Embedded),
        url if url.starts_with("http://") && url.len() > "http://".len() => Ok(Backend::At(url.trim_end_matches('/').to_owned())),
        _ => Err("write embedded, or an address such as http://127.0.0.1:4566"),
    }
}

impl Debug for GroundArgs {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        self.clone().ground().fmt(f)
    }
}

fn parse_database(url: &str) -> Result<String, &'static str> {
    let server = url.starts_with("mysql://") || url.starts_with("mariadb://");
    // The message repeats nothing of it: it may hold a password.
    if server { Ok(url.to_owned()) } else { Err("write mysql://user:password@host:port, with /database behind it to use one that exists") }
}
