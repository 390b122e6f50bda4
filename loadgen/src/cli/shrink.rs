//! `loadgen shrink`: its options, and what is said of what was found.

use std::path::PathBuf;
use std::time::Duration;

use super::execute::{complain, in_runtime, print};
use crate::exit::Exit;
use crate::load::keep_interrupts;
use crate::run::interrupt::Interrupts;
use crate::shrink::hunt::{Bounds, End};
use crate::shrink::{self, ShrinkError, Wanted};
use crate::verify::property::Property;

/// Options of shrinking.
#[derive(Debug, Clone, clap::Args)]
pub struct ShrinkArgs {
    /// Folder of a run whose verdict was FAIL
    pub run: PathBuf,
    /// Property that a smaller plan must violate [default: the one that the run violated most often]
    #[arg(long, value_name = "NAME", value_parser = parse_property)]
    pub property: Option<Property>,
    /// Most runs
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: u32,
    /// Runs of one plan before it counts as not failing
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub tries: u32,
    /// Runs of the smallest plan at the end, to say how often it fails
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub confirm: u32,
    /// Minutes after which no further plan is tried
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub minutes: u64,
    /// Folder in which a folder for all the runs is made
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
}

fn parse_property(name: &str) -> Result<Property, String> {
    let known = || Property::ALL.map(|property| property.name().replace(' ', "-")).join(", ");
    Property::named(name).ok_or_else(|| format!("there is no such property; there are {}", known()))
}

/// Shrinks, and says what came of it.
pub(super) fn shrunk(args: &ShrinkArgs) -> Exit {
    let bounds = Bounds { runs: args.runs, tries: args.tries, confirm: args.confirm, within: Duration::from_secs(args.minutes * 60) };
    let wanted = Wanted { run: args.run.clone(), property: args.property, bounds, out: args.out.clone() };
    keep_interrupts();
    let outcome = in_runtime(async { Ok(shrink::shrink(&wanted, &Interrupts::listen()?).await) });
    let shrunk = match outcome {
        Ok(Ok(shrunk)) => shrunk,
        Ok(Err(error @ (ShrinkError::Write { .. } | ShrinkError::Run(_)))) => return complain(&error, Exit::Harness),
        Ok(Err(error)) => return complain(&error, Exit::Usage),
        Err(error) => return complain(&error, Exit::Harness),
    };
    let hunted = &shrunk.hunted;
    let ended = match hunted.end {
        End::Smallest => "nothing smaller fails".to_owned(),
        End::OutOfRuns => format!("{} runs were made; more (--runs) may make it smaller", hunted.runs),
        End::OutOfTime => format!("{} minutes are over; more (--minutes) may make it smaller", args.minutes),
        End::Interrupted => "interrupted".to_owned(),
        End::NotReproduced => {
            let text = format!(
                "\"{}\" was not violated again in {} runs of the same plan; try more (--tries)\n",
                shrunk.property.name(),
                hunted.of
            );
            return print(&text).max(Exit::Unknown);
        }
    };
    let Some(file) = &shrunk.file else { return print("interrupted before anything smaller was found\n").max(Exit::Unknown) };
    let found = format!("{}\n  violates \"{}\" in {} ({ended})\n", hunted.smallest, shrunk.property.name(), shrink::often(hunted));
    let printed = print(&format!("{found}  scenario   {}\n  again      {}\n", file.display(), shrunk.command));
    if hunted.end == End::Interrupted { printed.max(Exit::Unknown) } else { printed }
}
