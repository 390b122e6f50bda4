//! Rows of the table that `cargo bench` ends with: each benchmark leaves its rows in a file, `whole_table` prints them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::paired::Spread;

/// What a row must reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A number: most often a ratio.
    Measured {
        /// Median and extremes over the pairs.
        spread: Spread,
        /// What stands behind the number ("×", "ms", "KB").
        unit: String,
    },
    /// It was not measured here, for this reason.
    Absent(String),
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Beside what.
    pub against: String,
    /// The number.
    pub found: Found,
    /// What it must reach; None for what is only shown.
    pub target: Option<Target>,
    /// The two sides in their own unit.
    pub detail: String,
}

impl Row {
    /// A ratio.
    #[must_use]
    pub fn ratio(what: &str, against: &str, spread: Spread, target: Option<Target>, detail: String) -> Self {
        Self::measured(what, against, (spread, "×"), target, detail)
    }

    /// A number with a unit.
    #[must_use]
    pub fn measured(what: &str, against: &str, (spread, unit): (Spread, &str), target: Option<Target>, detail: String) -> Self {
        let found = Found::Measured { spread, unit: unit.to_owned() };
        Row { what: what.to_owned(), against: against.to_owned(), found, target, detail }
    }

    /// What could not be measured here.
    #[must_use]
    pub fn absent(what: &str, against: &str, why: &str) -> Self {
        let found = Found::Absent(why.to_owned());
        Row { what: what.to_owned(), against: against.to_owned(), found, target: None, detail: String::new() }
    }
}

impl Target {
    /// Whether a number reaches it.
    #[must_use]
    pub fn is_reached(self, number: f64) -> bool {
        match self {
            Target::AtMost(most) => number <= most,
            Target::AtLeast(least) => number >= least,
        }
    }
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

/// Where rows are left.
fn folder() -> PathBuf {
    target().join("bench-rows")
}

/// Leaves the rows of one benchmark, in place of those it left before, and prints them.
///
/// # Panics
/// When the target folder cannot be written.
pub fn leave(bench: &str, rows: &[Row]) {
    let folder = folder();
    fs::create_dir_all(&folder).expect("cargo's target folder can be written");
    let text = serde_json::to_string_pretty(rows).expect("rows are made of texts and finite numbers");
    fs::write(folder.join(format!("{bench}.json")), text).expect("cargo's target folder can be written");
    print!("{}", table(rows));
}

/// What criterion found last: the median of one measurement of a group, ns, with the bounds between which it lies (95 %). None when it did not
/// measure it, as when it only tries its benchmarks or was asked for others.
#[must_use]
pub fn criterion_ns(group: &str, function: &str, since: SystemTime) -> Option<Spread> {
    #[derive(Deserialize)]
    struct Estimates {
        median: Estimate,
    }
    #[derive(Deserialize)]
    struct Estimate {
        point_estimate: f64,
        confidence_interval: Bounds,
    }
    #[derive(Deserialize)]
    struct Bounds {
        lower_bound: f64,
        upper_bound: f64,
    }
    let path = target().join("criterion").join(group).join(function).join("new/estimates.json");
    if fs::metadata(&path).ok()?.modified().ok()? < since {
        return None;
    }
    let Estimates { median: Estimate { point_estimate: median, confidence_interval: bounds } } =
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    Some(Spread { low: bounds.lower_bound, median, high: bounds.upper_bound })
}

/// All rows that were left, by the name of their benchmark. What an older version left and cannot be read any more is not among them.
#[must_use]
pub fn all() -> Vec<(String, Vec<Row>)> {
    let Ok(entries) = fs::read_dir(folder()) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?));
    paths.into_iter().filter_map(read).collect()
}

/// The rows as a table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> String {
    let target = match row.target {
        Some(Target::AtMost(most)) => format!("≤ {most}"),
        Some(Target::AtLeast(least)) => format!("≥ {least}"),
        None => String::new(),
    };
    let (number, spread, reached) = match &row.found {
        Found::Absent(why) => return format!("{:<52} {:<42} not measured: {why}\n", row.what, row.against),
        Found::Measured { spread, unit } => {
            let reached = row.target.map_or("", |target| if target.is_reached(spread.median) { "yes" } else { "NO" });
            (format!("{} {unit}", figure(spread.median)), format!("{} to {}", figure(spread.low), figure(spread.high)), reached)
        }
    };
    format!("{:<52} {:<42} {number:>10} {spread:>18} {target:>8} {reached:<4} {}\n", row.what, row.against, row.detail)
}

/// Three significant digits.
#[must_use]
pub fn figure(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        n if n >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}
