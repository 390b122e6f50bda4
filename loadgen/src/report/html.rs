//! `report.html`: a run's result as one page (see [`crate::page`]).

mod facts;

use serde::Serialize;

use self::facts::Facts;
use crate::page::{Page, RenderError};
use crate::result::RunResult;
use crate::result::series::Series;

const PAGE: Page = Page { template: include_str!("../../assets/report.html"), script: include_str!("../../assets/report.js") };

/// Renders a result as one HTML page.
///
/// # Errors
/// When template and data do not fit; tests see to it that they do.
pub fn render(result: &RunResult) -> Result<String, RenderError> {
    PAGE.render_with_charts(Facts::of(result), &ChartData { result })
}

/// What the charts need.
struct ChartData<'a> {
    result: &'a RunResult,
}

impl Serialize for ChartData<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut data = serializer.serialize_struct("ChartData", 3)?;
        // Spans say when faults were in force; the rows of single strikes are for programs, which read `result.json`.
        data.serialize_field("series", &Series { faults: Vec::new(), ..self.result.series.clone() })?;
        data.serialize_field("latency", &self.result.latency)?;
        data.serialize_field("scenario", &self.result.run.scenario)?;
        data.end()
    }
}
