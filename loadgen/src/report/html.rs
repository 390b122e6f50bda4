//! `report.html`: one self-contained file that opens offline.
//!
//! Everything it needs is inside: the template, the style, the script, and uPlot for the charts (see `loadgen/assets/uplot/LICENSE`).
//! A content security policy forbids the network altogether, and allows exactly the scripts of this file, by their hash. Text from
//! the run (names of products, answers of a target) is escaped by the template engine; data for the charts is JSON in a script
//! element that is never executed, with every character escaped that could end that element.

mod facts;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use self::facts::Facts;
use crate::result::RunResult;
use crate::result::series::Series;

const TEMPLATE: &str = include_str!("../../assets/report.html");
const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");
const CHARTS_SCRIPT: &str = include_str!("../../assets/charts.js");
pub(crate) const UPLOT_SCRIPT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
pub(crate) const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
pub(crate) const UPLOT_LICENCE: &str = include_str!("../../assets/uplot/LICENSE");

/// Why no HTML came out.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HtmlError {
    #[error("the report's template does not fit its data")]
    Template(#[from] minijinja::Error),
    #[error("the chart data cannot be written as JSON")]
    Data(#[from] serde_json::Error),
}

/// Renders a result as one HTML page.
///
/// # Errors
/// When template and data do not fit; tests see to it that they do.
pub fn render(result: &RunResult) -> Result<String, HtmlError> {
    let style = format!("{UPLOT_STYLE}\n{STYLE}");
    let chart_data = embedded_json(&ChartData { result })?;
    page(TEMPLATE, &style, &[UPLOT_SCRIPT, CHARTS_SCRIPT, SCRIPT], |policy| {
        context! {
            facts => Value::from(Serde(Facts::of(result))),
            policy => policy,
            style => Value::from_safe_string(style.clone()),
            uplot_script => Value::from_safe_string(UPLOT_SCRIPT.to_owned()),
            charts_script => Value::from_safe_string(CHARTS_SCRIPT.to_owned()),
            report_script => Value::from_safe_string(SCRIPT.to_owned()),
            uplot_licence => UPLOT_LICENCE,
            chart_data => Value::from_safe_string(chart_data),
        }
    })
}

/// A page of one file from its template; `values` gets the content security policy that allows exactly this style and these scripts.
pub(crate) fn page(template: &str, style: &str, scripts: &[&str], values: impl FnOnce(String) -> Value) -> Result<String, HtmlError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page.html", template)?;
    Ok(environment.get_template("page.html")?.render(values(policy(style, scripts)))?)
}

/// The content security policy: nothing is fetched from anywhere, and nothing runs but this file's own scripts.
fn policy(style: &str, scripts: &[&str]) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let scripts = scripts.iter().map(|script| hash(script)).collect::<Vec<_>>().join(" ");
    format!("default-src 'none'; script-src {scripts}; style-src {}; base-uri 'none'; form-action 'none'", hash(style))
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

/// JSON that may stand in a script element: no character that could end the element, begin a comment, or be a line end to
/// JavaScript but not to JSON.
pub(crate) fn embedded_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", character as u32)),
            other => escaped.push(other),
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_json_cannot_end_its_element_and_stays_the_same_value() {
        let hostile = "</script><!-- <script>alert(1)</script> & \u{2028}";
        let json = embedded_json(&hostile).unwrap();
        assert!(!json.contains(['<', '>', '&', '\u{2028}']));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn the_scripts_of_the_page_cannot_end_their_elements() {
        for script in [SCRIPT, CHARTS_SCRIPT, UPLOT_SCRIPT] {
            assert!(!script.to_lowercase().contains("</script") && !script.contains("<!--"));
        }
    }
}
