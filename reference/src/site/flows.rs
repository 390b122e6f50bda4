//! How much flows on each edge of the picture, from what this process counts for its metrics.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::pages::picture::{Flow, Picture};

/// What is left of a flow from one state to the next when nothing more comes: a single doughnut is on its way for a moment that nobody would see.
const FADES_TO: f64 = 0.7;

/// Below this nothing flows, per second.
const NOTHING: f64 = 0.1;

/// Totals at the last look, and the flows that were shown.
#[derive(Debug, Default)]
pub(super) struct Flows {
    before: Option<Instant>,
    totals: HashMap<String, f64>,
    shown: HashMap<String, f64>,
}

impl Flows {
    /// Paints the flows since the last look; `exposition` is the process's metrics in Prometheus's text format.
    pub(super) fn paint(&mut self, exposition: &str, picture: &mut Picture) {
        let now = Instant::now();
        let seconds = self.before.replace(now).map(|before| now.duration_since(before).as_secs_f64()).filter(|seconds| *seconds > 0.0);
        let mut flow = |name: &str, label: &str| Flow { rate: self.rate(exposition, (name, label), seconds), ..Flow::default() };
        picture.buyers = flow("rushproof_orders_total", "");
        picture.published = flow("rushproof_outbox_total", "");
        picture.factory = flow("rushproof_factory_calls_total", "");
        picture.reports = flow("rushproof_arrivals_total", "");
        picture.mails = flow("rushproof_mails_total", "");
        for lane in &mut picture.lanes {
            lane.taken = flow("rushproof_messages_total", &format!("queue=\"{}\"", lane.queue));
        }
    }

    fn rate(&mut self, exposition: &str, (name, label): (&str, &str), seconds: Option<f64>) -> f64 {
        let (key, now) = (format!("{name} {label}"), total(exposition, name, label));
        let before = self.totals.insert(key.clone(), now);
        let fresh = match (before, seconds) {
            (Some(before), Some(seconds)) => (now - before) / seconds,
            // What was counted before anybody looked on flows no more.
            _ => 0.0,
        };
        let faded = self.shown.get(&key).copied().unwrap_or(0.0) * FADES_TO;
        let shown = fresh.max(faded);
        let shown = if shown < NOTHING { 0.0 } else { shown };
        self.shown.insert(key, shown);
        shown
    }
}

/// The sum of a counter over all its labels, or over those with `label`.
fn total(exposition: &str, name: &str, label: &str) -> f64 {
    let samples =
        exposition.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(label));
    samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pages::picture::Lane;

    #[test]
    fn a_counter_is_summed_over_its_labels() {
        let text = "# TYPE a_total counter\na_total{queue=\"x\",result=\"done\"} 3\na_total{queue=\"y\"} 4\na_total_more 9\nb 1\n";
        assert_eq!(total(text, "a_total", "").to_string(), "7");
        assert_eq!(total(text, "a_total", "queue=\"y\"").to_string(), "4");
        assert_eq!(total(text, "c", "").to_string(), "0");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flow_is_what_came_since_the_last_look_and_fades() {
        let mut flows = Flows::default();
        let mut picture = Picture { lanes: vec![Lane { queue: "ad_queue".to_owned(), ..Lane::default() }], ..Picture::default() };
        flows.paint("rushproof_orders_total 50", &mut picture);
        assert!(picture.buyers.rate == 0.0, "nobody looked on when they came");
        tokio::time::advance(Duration::from_secs(2)).await;
        flows.paint("rushproof_orders_total 60\nrushproof_messages_total{queue=\"ad_queue\"} 8", &mut picture);
        assert!((picture.buyers.rate - 5.0).abs() < 1e-9 && (picture.lanes[0].taken.rate - 4.0).abs() < 1e-9, "{picture:?}");
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            flows.paint("rushproof_orders_total 60", &mut picture);
        }
        assert!(picture.buyers.rate == 0.0);
    }
}
