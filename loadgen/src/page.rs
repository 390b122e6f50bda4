//! Pages of one file that open offline: the report, the comparison, the list of runs.
//!
//! Everything a page needs is inside: the template, the style, the scripts, and uPlot for the charts (see `loadgen/assets/uplot/LICENSE`).
//! A content security policy forbids the network altogether, and allows exactly the scripts of this file, by their hash. Text from
//! the run (names of products, answers of a target) is escaped by the template engine; data for the charts is JSON in a script
//! element that is never executed, with every character escaped that could end that element.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// What all pages have around them.
const SHELL: &str = include_str!("../assets/shell.html");
const STYLE: &str = include_str!("../assets/shell.css");
const CHARTS_SCRIPT: &str = include_str!("../assets/charts.js");
const UPLOT_SCRIPT: &str = include_str!("../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../assets/uplot/uPlot.min.css");
const UPLOT_LICENCE: &str = include_str!("../assets/uplot/LICENSE");

/// Why no page came out.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RenderError {
    #[error("the page's template does not fit its data")]
    Template(#[from] minijinja::Error),
    #[error("the chart data cannot be written as JSON")]
    Data(#[from] serde_json::Error),
}

/// What makes one kind of page out of the shell.
pub(crate) struct Page {
    /// The template that fills the shell's blocks; sees its data as `facts`.
    pub(crate) template: &'static str,
    /// The page's own script, which comes after those of the charts.
    pub(crate) script: &'static str,
}

impl Page {
    /// The page without charts.
    ///
    /// # Errors
    /// When template and data do not fit.
    pub(crate) fn render(&self, facts: impl Serialize) -> Result<String, RenderError> {
        self.filled(facts, STYLE, &[self.script], None)
    }

    /// The page with charts of this data.
    ///
    /// # Errors
    /// When template and data do not fit, or the data has no JSON.
    pub(crate) fn render_with_charts(&self, facts: impl Serialize, data: &impl Serialize) -> Result<String, RenderError> {
        let data = embedded_json(data)?;
        self.filled(facts, &format!("{UPLOT_STYLE}\n{STYLE}"), &[UPLOT_SCRIPT, CHARTS_SCRIPT, self.script], Some(data))
    }

    fn filled(&self, facts: impl Serialize, style: &str, scripts: &[&str], data: Option<String>) -> Result<String, RenderError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("shell.html", SHELL)?;
        environment.add_template("page.html", self.template)?;
        let filled = environment.get_template("page.html")?.render(context! {
            facts => Value::from(Serde(facts)),
            policy => policy(style, scripts),
            style => Value::from_safe_string(style.to_owned()),
            scripts => scripts.iter().map(|script| Value::from_safe_string((*script).to_owned())).collect::<Vec<_>>(),
            uplot_licence => data.is_some().then_some(UPLOT_LICENCE),
            data => data.map(Value::from_safe_string),
        })?;
        Ok(filled)
    }
}

/// The content security policy: nothing is fetched from anywhere, and nothing runs but this file's own scripts.
fn policy(style: &str, scripts: &[&str]) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let scripts = scripts.iter().map(|script| hash(script)).collect::<Vec<_>>().join(" ");
    format!("default-src 'none'; script-src {scripts}; style-src {}; base-uri 'none'; form-action 'none'", hash(style))
}

/// JSON that may stand in a script element: no character that could end the element, begin a comment, or be a line end to
/// JavaScript but not to JSON.
fn embedded_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
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
    fn the_scripts_of_the_pages_cannot_end_their_elements() {
        let own = [include_str!("../assets/report.js"), include_str!("../assets/compare.js"), include_str!("../assets/index.js")];
        for script in own.into_iter().chain([CHARTS_SCRIPT, UPLOT_SCRIPT]) {
            assert!(!script.to_lowercase().contains("</script") && !script.contains("<!--"));
        }
    }

    #[test]
    fn a_page_without_charts_carries_none_of_what_draws_them() {
        let page = Page { template: "{% extends 'shell.html' %}{% block title %}{{ facts }}{% endblock %}", script: "own()" };
        let plain = page.render("<b>").unwrap();
        assert!(plain.contains("<title>&lt;b&gt; · rushproof</title>") && plain.contains("<script>own()</script>"), "{plain}");
        assert!(!plain.contains("uPlot") && !plain.contains("application/json"), "{plain}");
        let drawn = page.render_with_charts("x", &"</script>").unwrap();
        assert!(drawn.contains(r#"id="data">"\u003c/script\u003e"</script>"#) && drawn.contains("Charts are drawn by uPlot"));
    }
}
