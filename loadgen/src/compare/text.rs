//! A comparison for a terminal, or between code fences in a summary.

use std::fmt;

use super::pairing::Pairing;
use super::side::RunCard;
use super::{Comparison, Rules};
use crate::gate::Check;
use crate::report::number::micros;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A  {}", who(&self.a))?;
        writeln!(f, "B  {}", who(&self.b))?;
        let how = match self.pairing {
            Pairing::Seed => "by seed",
            Pairing::Order => "in the order of their start",
        };
        writeln!(f, "{} pairs, {how}", self.pairs.len())?;
        left_out(f, &self.obstacles)?;
        if !self.measures.is_empty() {
            writeln!(f)?;
            table(f, self)?;
        }
        writeln!(f)?;
        write!(f, "{}", self.gate)
    }
}

fn who(runs: &[RunCard]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    match runs {
        [one] => format!("{} ({}, seed {})", one.path.display(), one.scenario, one.seed),
        _ => {
            let folder = first.path.parent().unwrap_or(&first.path);
            format!("{}: {} runs of {}", folder.display(), runs.len(), first.scenario)
        }
    }
}

fn left_out(f: &mut fmt::Formatter<'_>, obstacles: &[Check]) -> fmt::Result {
    for check in obstacles {
        writeln!(f, "  left out: {}: {}", check.what, check.sentence)?;
    }
    Ok(())
}

fn table(f: &mut fmt::Formatter<'_>, comparison: &Comparison) -> fmt::Result {
    let Rules { confidence, .. } = comparison.rules;
    let bounds = format!("bounds ({:.0} % each)", confidence * 100.0);
    writeln!(f, "{:<40} {:>10} {:>10} {:>9}   {bounds}", "", "A", "B", "B / A")?;
    for compared in &comparison.measures {
        let (a, b) = (micros(compared.a_us.round() as u64), micros(compared.b_us.round() as u64));
        let ratio = compared.ratio;
        writeln!(
            f,
            "{:<40} {a:>10} {b:>10} {:>9}   {:.3} to {:.3}",
            compared.measure.name(),
            format!("× {:.3}", ratio.median),
            ratio.low,
            ratio.high
        )?;
    }
    Ok(())
}
