//! A curve as a picture: an SVG that stands for itself, readable on a light and on a dark page.

use std::fmt::Write;

/// Width and height of a picture, and the room around a panel, in pixels.
const WIDTH: f64 = 640.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 92.0;
const TOP: f64 = 46.0;
const GAP: f64 = 44.0;
const BOTTOM: f64 = 44.0;

/// Colours that differ in brightness as well as in hue.
const COLOURS: [&str; 4] = ["#1f6feb", "#d1570c", "#1a7f37", "#8250df"];

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// One value for each place on the axis; NaN where there is none.
    pub values: Vec<f64>,
}

/// Lines that share an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What is shown, with its unit.
    pub title: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: &'static str,
    /// What grows to the right.
    pub axis: &'static str,
    /// Each place on the axis, evenly spaced.
    pub places: Vec<u64>,
    /// One below the other.
    pub panels: Vec<Panel>,
}

impl Chart {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let height = TOP + self.panels.len() as f64 * (PANEL + GAP) - GAP + BOTTOM;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"{LEFT}\" y=\"18\" font-size=\"15\" fill=\"#1f2328\">{}</text>\n",
            self.title, self.title
        );
        for (index, panel) in self.panels.iter().enumerate() {
            self.panel(&mut svg, panel, TOP + index as f64 * (PANEL + GAP));
        }
        let bottom = height - BOTTOM;
        for (index, place) in self.places.iter().enumerate() {
            text(&mut svg, (self.x(index), bottom + 16.0), "middle", "#59636e", &short(*place as f64));
        }
        text(&mut svg, (LEFT, bottom + 34.0), "start", "#59636e", self.axis);
        svg + "</svg>\n"
    }

    fn x(&self, index: usize) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * index as f64 / (self.places.len().max(2) - 1) as f64
    }

    fn panel(&self, svg: &mut String, panel: &Panel, top: f64) {
        let most = panel.lines.iter().flat_map(|line| &line.values).copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = ceiling(most);
        let y = |value: f64| top + PANEL * (1.0 - value / most);
        text(svg, (LEFT, top - 8.0), "start", "#1f2328", panel.title);
        for step in 0..=4 {
            let value = most * f64::from(step) / 4.0;
            let at = y(value);
            let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#d1d9e0\"/>", WIDTH - RIGHT);
            text(svg, (LEFT - 6.0, at + 4.0), "end", "#59636e", &short(value));
        }
        for (line, colour) in panel.lines.iter().zip(COLOURS) {
            let points: Vec<(f64, f64)> = line
                .values
                .iter()
                .enumerate()
                .filter(|(_, value)| value.is_finite())
                .map(|(index, value)| (self.x(index), y(*value)))
                .collect();
            let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", path.join(" "));
            for (x, y) in &points {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
            if let Some((x, y)) = points.last() {
                text(svg, (x + 8.0, y + 4.0), "start", colour, line.name);
            }
        }
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, what: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{what}</text>");
}

/// A round number at or above it.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let magnitude = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|step| step * magnitude).find(|step| *step >= most).unwrap_or(most)
}

/// "1k", "2.5M".
fn short(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let text = if value >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    format!("{text}{unit}")
}
