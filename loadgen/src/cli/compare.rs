//! `loadgen compare`: its options, and how it ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use thiserror::Error;

use super::execute::{complain, print};
use crate::compare::side::Side;
use crate::compare::{self, Comparison, Rules};
use crate::exit::Exit;
use crate::history::clock::micros;
use crate::page::RenderError;

/// Options of a comparison.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// What was before: a run's folder, its result.json, or a folder of run folders
    pub a: PathBuf,
    /// What is to be judged
    pub b: PathBuf,
    /// End with 3 when B is certainly slower, with 4 when that can neither be said nor ruled out, with 1 when it violates a property
    #[arg(long)]
    pub gate: bool,
    /// A slowdown that certainly exceeds this is a regression
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = percent)]
    pub slower: f64,
    /// A pass must rule out a slowdown of this much
    #[arg(long, value_name = "SHARE", default_value = "25%", value_parser = percent)]
    pub rule_out: f64,
    /// How certain each bound is
    #[arg(long, value_name = "SHARE", default_value = "99%", value_parser = confidence)]
    pub confidence: f64,
    /// Fewest pairs of runs that say anything about speed; a single run a side is judged like a stored baseline instead
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    pub pairs: u16,
    /// Most that the 99th percentile of B's purchases may be, such as 800ms
    #[arg(long, value_name = "TIME", value_parser = time_us)]
    pub p99_at_most: Option<u64>,
    /// Also write a page with both sides and their curves laid over each other
    #[arg(long, value_name = "FILE.html")]
    pub html: Option<PathBuf>,
    /// What is printed on standard output
    #[arg(long, value_enum, default_value_t = Shape::Human)]
    pub format: Shape,
}

/// What a comparison is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// A table for people
    Human,
    /// Everything, for programs
    Json,
}

/// Compares, prints, and ends as the gate says where it was asked.
pub(super) fn compared(args: &CompareArgs) -> Exit {
    let (a, b) = match (Side::read(&args.a), Side::read(&args.b)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(error), _) | (_, Err(error)) => return complain(&error, Exit::Usage),
    };
    if args.rule_out <= args.slower {
        eprintln!("error: --rule-out must be more than --slower: what is certainly slower cannot be a pass");
        return Exit::Usage;
    }
    let comparison = compare::compare(&a, &b, args.rules());
    if let Some(path) = &args.html
        && let Err(error) = page(&comparison, &a, &b, path)
    {
        return complain(&error, Exit::Harness);
    }
    let text = match args.format {
        Shape::Human => comparison.to_string(),
        Shape::Json => serde_json::to_string_pretty(&comparison).expect("a comparison is made of texts and numbers") + "\n",
    };
    let printed = print(&text);
    if args.gate { printed.max(comparison.exit()) } else { printed }
}

/// Why there is no page.
#[derive(Debug, Error)]
enum PageError {
    #[error("cannot render the comparison; leave --html out to have it as text")]
    Html(#[from] RenderError),
    #[error("cannot write {path}; choose another place with --html")]
    Write { path: PathBuf, source: io::Error },
}

fn page(comparison: &Comparison, a: &Side, b: &Side, path: &Path) -> Result<(), PageError> {
    let page = compare::html::render(comparison, a, b)?;
    fs::write(path, page).map_err(|source| PageError::Write { path: path.to_owned(), source })
}

impl CompareArgs {
    fn rules(&self) -> Rules {
        Rules {
            slower: self.slower,
            rule_out: self.rule_out,
            confidence: self.confidence,
            least_pairs: usize::from(self.pairs),
            p99_at_most_us: self.p99_at_most,
        }
    }
}

/// "5%" or "2.5 %", as a share.
fn percent(text: &str) -> Result<f64, &'static str> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    number.filter(|number| (0.0..=1_000.0).contains(number)).map(|number| number / 100.0).ok_or("write a share such as 5%")
}

fn confidence(text: &str) -> Result<f64, &'static str> {
    percent(text).ok().filter(|share| (0.5..1.0).contains(share)).ok_or("write a share from 50% to below 100%")
}

fn time_us(text: &str) -> Result<u64, String> {
    reference::config::duration::parse(text).map(micros).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_in_percent() {
        assert_eq!(percent("5%"), Ok(0.05));
        assert_eq!(percent("2.5 %"), Ok(0.025));
        for wrong in ["5", "-1%", "five%", "%", "nan%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
        assert_eq!(confidence("99%"), Ok(0.99));
        assert!(confidence("100%").is_err() && confidence("10%").is_err());
    }
}
