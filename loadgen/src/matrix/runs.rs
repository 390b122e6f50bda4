//! Runs side by side: each is this program again, in a process group of its own, with a bound on its time.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::cell::{Cell, Found, Standing};
use super::record::RecordError;
use super::{Manner, MatrixError};
use crate::run::again::{Again, Ended};
use crate::run::interrupt::Interrupts;
use crate::verify::judgement::Verdict;

/// How much longer than expected a run may take before it is ended: its drain has a bound of its own, of a minute or two.
const PATIENCE: Duration = Duration::from_secs(240);

/// Makes the runs.
#[derive(Debug)]
pub struct Runner {
    runs: PathBuf,
    jobs: usize,
}

impl Runner {
    /// A runner whose runs are this very program again.
    ///
    /// # Errors
    /// [`MatrixError::Run`] when the folder of the runs cannot be made.
    pub fn new(manner: &Manner) -> Result<Self, MatrixError> {
        let failed = |what: String| |source| MatrixError::Run { what, source };
        fs::create_dir_all(&manner.runs).map_err(failed(format!("anything in {}", manner.runs.display())))?;
        Ok(Self { runs: manner.runs.clone(), jobs: manner.jobs.max(1) })
    }

    /// Runs all cells and hands each finding to `each`, in the order in which they end. Sound runs that lacked evidence are made once more
    /// afterwards, one at a time: what was too much at once is no fault of the pipeline. After an interrupt nothing new is begun, and
    /// what is under way is ended.
    ///
    /// # Errors
    /// [`MatrixError`] when a run cannot be started, or `each` fails.
    pub async fn all(
        &self,
        cells: Vec<Cell>,
        interrupts: &Interrupts,
        mut each: impl FnMut(Found) -> Result<(), RecordError>,
    ) -> Result<(), MatrixError> {
        let undecided = self.side_by_side(cells, self.jobs, interrupts, &mut each).await?;
        let (again, first_tries): (Vec<Cell>, Vec<Found>) = undecided.into_iter().unzip();
        if again.is_empty() || interrupts.soft.is_cancelled() {
            return Ok(());
        }
        eprintln!("{} runs that lacked evidence are made again, one at a time", again.len());
        let with_first_try = |found: Found| {
            let first = first_tries.iter().find(|first| (&first.scenario, first.seed) == (&found.scenario, found.seed));
            each(Found { first_try: first.map(|first| first.reasons.clone()).unwrap_or_default(), ..found })
        };
        self.side_by_side(again, 1, interrupts, with_first_try).await.map(drop)
    }

    /// Runs cells, so many at once, and returns the sound ones that stayed undecided.
    async fn side_by_side(
        &self,
        cells: Vec<Cell>,
        jobs: usize,
        interrupts: &Interrupts,
        mut each: impl FnMut(Found) -> Result<(), RecordError>,
    ) -> Result<Vec<(Cell, Found)>, MatrixError> {
        let mut progress = Progress::of(&cells, jobs);
        let runs = stream::iter(cells).map(|cell| async move {
            if interrupts.soft.is_cancelled() {
                return Ok(None);
            }
            self.one(&cell, interrupts).await.map(|found| found.map(|found| (cell, found)))
        });
        let mut runs = std::pin::pin!(runs.buffer_unordered(jobs));
        let mut undecided = Vec::new();
        while let Some(ended) = runs.next().await {
            if let Some((cell, found)) = ended? {
                eprintln!("{}", progress.line(&cell, &found));
                each(found.clone())?;
                if cell.defect.is_none() && found.standing() == Standing::Unknown {
                    undecided.push((cell, found));
                }
            }
        }
        Ok(undecided)
    }

    /// One run; None when it was interrupted.
    async fn one(&self, cell: &Cell, interrupts: &Interrupts) -> Result<Option<Found>, MatrixError> {
        let failed = |source| MatrixError::Run { what: cell.label(), source };
        let folder = self.folder(cell).map_err(failed)?;
        let began = Instant::now();
        let again = Again { scenario: &cell.named, seed: cell.seed, defect: cell.defect, out: &folder };
        let result = match again.run(cell.expected() + PATIENCE, interrupts).await.map_err(failed)? {
            Ended::Result(result) => Ok(*result),
            Ended::Nothing(why) => Err(why),
            Ended::Interrupted => return Ok(None),
        };
        let at_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let found = cell.found(result.as_ref().map_err(Clone::clone), began.elapsed(), at_unix);
        if found.verdict == Some(Verdict::Pass) {
            // A folder that stays behind is only a waste of space.
            let _ = fs::remove_dir_all(&folder);
        }
        Ok(Some(found))
    }

    /// A fresh folder for a run.
    fn folder(&self, cell: &Cell) -> io::Result<PathBuf> {
        let what = cell.defect.map_or("sound", |defect| defect.name());
        let folder = self.runs.join(format!("{what}-{}-{}", cell.scenario.name, cell.seed));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// How far the whole is.
#[derive(Debug)]
struct Progress {
    began: Instant,
    cells: usize,
    done: usize,
    to_do: Duration,
    did: Duration,
    jobs: usize,
}

impl Progress {
    fn of(cells: &[Cell], jobs: usize) -> Self {
        let to_do = cells.iter().map(Cell::expected).sum();
        Self { began: Instant::now(), cells: cells.len(), done: 0, to_do, did: Duration::ZERO, jobs }
    }

    fn line(&mut self, cell: &Cell, found: &Found) -> String {
        self.done += 1;
        self.did += cell.expected();
        let left = left(self.began.elapsed(), self.did, self.to_do, self.jobs);
        let names = found.violated.iter().map(|property| property.name()).collect::<Vec<_>>().join(", ");
        let verdict = match (found.standing(), found.verdict) {
            (Standing::Caught, _) => format!("caught: {names}"),
            (Standing::Luck, _) => format!("found by luck: {names}"),
            (Standing::Wrong, _) => format!("WRONG: {}", found.reasons.first().map_or("", String::as_str)),
            (_, Some(Verdict::Pass)) => "PASS".to_owned(),
            (_, Some(Verdict::Fail)) => format!("FAIL as expected: {names}"),
            (_, Some(Verdict::Unknown)) => format!("UNKNOWN: {}", found.reasons.first().map_or("", String::as_str)),
            (_, None) => format!("NO VERDICT: {}", found.reasons.first().map_or("", String::as_str)),
        };
        format!("[{}/{}] {}: {verdict} ({} s; about {} left)", self.done, self.cells, cell.label(), found.seconds, minutes(left))
    }
}

/// Time left when `did` of `to_do` took `elapsed`; the first findings come after their whole length, so the plan counts until then.
fn left(elapsed: Duration, did: Duration, to_do: Duration, jobs: usize) -> Duration {
    let planned = to_do.as_secs_f64() / jobs as f64;
    let pace = (elapsed.as_secs_f64() / (did.as_secs_f64() / jobs as f64)).clamp(0.5, 4.0);
    Duration::from_secs_f64((planned * pace - elapsed.as_secs_f64()).max(0.0))
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_the_pace_so_far() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(50), seconds(100), seconds(200), 2), seconds(50));
        assert_eq!(left(seconds(100), seconds(100), seconds(200), 2), seconds(100));
        assert_eq!(left(seconds(500), seconds(200), seconds(200), 2), Duration::ZERO);
    }
}
