//! Nothing listens on a hop.

use std::io::ErrorKind;
use std::time::Duration;

use chaos::tap::{Closed, Door, TapError};
use tokio::net::TcpStream;

use super::Diary;

/// How long a door may take to close, or to open.
const WITHIN: Duration = Duration::from_secs(10);

/// Why a hop could not be closed, or opened again.
#[derive(Debug, thiserror::Error)]
pub(super) enum HopTrouble {
    #[error("there is no hop {0} in this run; the plan names those that there are")]
    NoHop(String),
    #[error(transparent)]
    Door(#[from] TapError),
    #[error("hop {hop} is open again and cannot be connected to")]
    NotOpen { hop: String, source: std::io::Error },
}

/// Closes the hop, or every hop below it, for a while.
pub(super) async fn close(hop: &str, doors: &[(String, Door)], diary: &Diary, held: impl Future<Output = bool>) -> Result<(), HopTrouble> {
    let below = format!("{hop}.");
    let struck: Vec<&(String, Door)> = doors.iter().filter(|(name, _)| name == hop || name.starts_with(&below)).collect();
    if struck.is_empty() {
        return Err(HopTrouble::NoHop(hop.to_owned()));
    }
    let mut closed: Vec<Closed> = Vec::with_capacity(struck.len());
    for (name, door) in &struck {
        closed.push(door.close(WITHIN).await?);
        diary.fired(format!("nothing listens on {name}"));
        if TcpStream::connect(door.address()).await.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            diary.effective(format!("connecting to {name} is refused"));
        }
    }
    held.await;
    for closed in closed {
        closed.reopen(WITHIN).await?;
    }
    for (name, door) in &struck {
        TcpStream::connect(door.address()).await.map_err(|source| HopTrouble::NotOpen { hop: name.clone(), source })?;
    }
    Ok(())
}
