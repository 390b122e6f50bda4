//! How many purchases a second the whole pipeline sustains: the pace from which on what is sold waits longer and longer to be told.
//!
//! A purchase is sold, leaves the outbox, passes topic and queue, and is recorded by the operations team. What was sold and is not recorded yet is the
//! backlog. At a pace below what the pipeline sustains it stays small; above, it grows for as long as the pace lasts.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::stand::Serving;

/// How long a pace lasts.
const LASTING_SECONDS: u32 = 3;

/// A backlog that takes longer than this to be worked off has grown: at a pace that is sustained it is a few hundredths of a second's worth.
const GROWN: f64 = 0.25;

/// Paces between which the answer is looked for, purchases a second, and how often the distance is halved.
const PACES: (f64, f64) = (50.0, 12_800.0);
const HALVINGS: usize = 6;

/// A backlog that is not gone by then is not going to be.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pause between two looks at the database.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a pipeline sustains.
#[derive(Debug, Clone, Copy)]
pub struct Sustained {
    /// Purchases a second, the highest pace found at which the backlog did not grow.
    pub pace: f64,
    /// How long a sale waits until it is recorded at four fifths of that pace, mean, ms: what waits by the pace (Little's law).
    pub wait_ms: f64,
}

/// A pipeline, and a look into its database.
struct Pipeline {
    stand: std::path::PathBuf,
    serving: Serving,
    sales: String,
    ledger: SqliteConnection,
    /// Loads so far: each has a seed of its own, because the same buyers would only be told what they bought before.
    loads: u64,
}

/// What a pipeline with so many consumers per queue sustains.
///
/// # Errors
/// When the pipeline or the load fails, or the backlog does not go away when nobody buys any more.
pub async fn sustained(stand: &Path, folder: &Path, consumers: u64) -> Result<Sustained, Box<dyn Error>> {
    let data = folder.join(consumers.to_string());
    std::fs::create_dir_all(&data)?;
    let path = data.to_str().ok_or("a workspace's path is text")?;
    let serving = Serving::start(Command::new(stand).args(["pipeline", path, "0ms", "1000000000", &consumers.to_string()]))?;
    let ready: Value = serde_json::from_str(&serving.address)?;
    let sales = ready["addresses"]["sales"].as_str().ok_or("sales does not listen")?.to_owned();
    let ledger = SqliteConnectOptions::new().filename(data.join("shop.db")).read_only(true).connect().await?;
    let mut pipeline = Pipeline { stand: stand.to_owned(), serving, sales, ledger, loads: 0 };
    // Whatever is done for the first time is done once.
    pipeline.backlog_after(PACES.0).await?;
    let (mut held, mut grew) = PACES;
    for _ in 0..HALVINGS {
        // Halved as paces are compared: by their ratio.
        let pace = (held * grew).sqrt();
        let backlog = pipeline.backlog_after(pace).await?;
        *if backlog > pace * GROWN { &mut grew } else { &mut held } = pace;
    }
    let wait_ms = pipeline.wait_ms(held * 0.8).await?;
    let Pipeline { serving, ledger, .. } = pipeline;
    ledger.close().await?;
    drop(serving);
    Ok(Sustained { pace: held, wait_ms })
}

impl Pipeline {
    /// Buys at that pace, and tells what waits when it is over. Returns when nothing does any more.
    async fn backlog_after(&mut self, pace: f64) -> Result<f64, Box<dyn Error>> {
        let mut load = self.load(pace)?;
        let status = tokio::task::spawn_blocking(move || load.wait()).await??;
        if !status.success() {
            return Err(format!("the load of {pace:.0}/s ended with {status}").into());
        }
        let backlog = self.backlog().await?;
        let began = Instant::now();
        while self.backlog().await? > 0.0 {
            if began.elapsed() > PATIENCE {
                return Err(format!("what was sold at {pace:.0}/s was not recorded within {PATIENCE:?}").into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(backlog)
    }

    /// Buys at that pace, and tells how long a sale waits.
    async fn wait_ms(&mut self, pace: f64) -> Result<f64, Box<dyn Error>> {
        let mut load = self.load(pace)?;
        let (mut waiting, mut looks) = (0.0, 0.0);
        while load.try_wait()?.is_none() {
            let backlog = self.backlog().await?;
            // Before the first and after the last sale there is nothing to wait for.
            if backlog > 0.0 {
                waiting += backlog;
                looks += 1.0;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(waiting / f64::max(looks, 1.0) / pace * 1_000.0)
    }

    fn load(&mut self, pace: f64) -> Result<std::process::Child, Box<dyn Error>> {
        self.loads += 1;
        let words = ["load", &self.sales, &format!("{pace:.0}"), &LASTING_SECONDS.to_string(), &self.loads.to_string()].map(str::to_owned);
        Ok(Command::new(&self.stand).args(words).stdout(std::process::Stdio::null()).spawn()?)
    }

    /// Sales that operations have not recorded.
    async fn backlog(&mut self) -> Result<f64, Box<dyn Error>> {
        // Both tables number their rows without gaps.
        let (sold, told): (i64, i64) =
            sqlx::query_as("SELECT COALESCE((SELECT MAX(position) FROM orders), 0), COALESCE((SELECT MAX(position) FROM operations), 0)")
                .fetch_one(&mut self.ledger)
                .await?;
        Ok((sold - told) as f64)
    }
}
