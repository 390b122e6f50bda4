//! The harness's own numbers for Prometheus, in its text format.
//!
//! The pipeline's numbers are the pipeline's to tell (`reference serve` has a `/metrics` of its own); these are what the harness asked, was answered,
//! saw and broke. `deploy/grafana/rushproof.json` shows both.

use std::fmt::Write as _;

use crate::history::event::Phase;
use crate::history::tally::Counts;
use crate::progress::state::ProgressState;
use crate::result::answer::AnswerClass;

/// A number's name, kind and meaning.
type Described = (&'static str, &'static str, &'static str);

/// Everything that is told.
pub const METRICS: [Described; 15] = [
    ("rushproof_load_phase", "gauge", "1 for the phase that the run is in"),
    ("rushproof_load_planned_rate", "gauge", "Arrivals per second that the plan wants now"),
    ("rushproof_load_attempts_total", "counter", "Attempts that were sent"),
    ("rushproof_load_answers_total", "counter", "Attempts that were answered or given up on, by what that means to the buyer"),
    ("rushproof_load_latency_seconds", "histogram", "Latency of attempts, from the moment at which the buyer was meant to arrive"),
    ("rushproof_load_lateness_p99_seconds", "gauge", "How late the generator itself runs, 99th percentile of the last second"),
    ("rushproof_load_hop_requests_total", "counter", "Requests that passed a tap, by hop and action"),
    ("rushproof_load_hop_struck_total", "counter", "Requests that a fault struck, by hop and action"),
    ("rushproof_load_hop_failed_total", "counter", "Requests answered with 5xx or not at all, by hop and action"),
    ("rushproof_load_fault_in_force", "gauge", "1 while a planned fault is in force"),
    ("rushproof_load_fault_strikes_total", "counter", "How often a planned fault struck"),
    ("rushproof_load_stock", "gauge", "Pieces in stock as the harness read them past every tap, by product"),
    ("rushproof_load_queue_messages", "gauge", "Messages in a queue as the harness read them, by state"),
    ("rushproof_load_restocks_total", "counter", "Restocks that were seen to be applied"),
    ("rushproof_load_processes_lost_total", "counter", "Processes of the system under test that ended unasked"),
];

/// Upper ends of the latency buckets, in µs: doublings from 250 µs to 32 s.
fn bucket_ends() -> impl Iterator<Item = u64> {
    (0..18).map(|doubling| 250_u64 << doubling)
}

/// Renders everything.
#[must_use]
pub fn render(counts: &Counts, state: &ProgressState) -> String {
    let mut page = Page { text: String::new() };
    let phases = [(Phase::Plan, "plan"), (Phase::Boot, "boot"), (Phase::Load, "load"), (Phase::Drain, "drain"), (Phase::Verify, "verify")];
    page.family(
        "rushproof_load_phase",
        phases.map(|(phase, name)| (vec![("phase", name)], f64::from(u8::from(counts.phase == Some(phase))))),
    );
    page.one("rushproof_load_planned_rate", state.planned_rate_now());
    page.one("rushproof_load_attempts_total", float(state.attempts()));
    let answers = state.answers();
    let classes = AnswerClass::ALL.map(|class| (vec![("class", class.name())], float(answers[class.index()])));
    page.family("rushproof_load_answers_total", classes);
    page.histogram("rushproof_load_latency_seconds", &state.latencies());
    page.one("rushproof_load_lateness_p99_seconds", state.lateness_p99_now() as f64 / 1e6);
    let hops = |of: fn(&crate::history::tally::Traffic) -> u64| {
        let rows = counts
            .traffic
            .iter()
            .map(move |((hop, what), traffic)| (vec![("hop", hop.as_str()), ("action", what.as_str())], float(of(traffic))));
        rows.collect::<Vec<_>>()
    };
    page.family("rushproof_load_hop_requests_total", hops(|traffic| traffic.requests));
    page.family("rushproof_load_hop_struck_total", hops(|traffic| traffic.struck));
    page.family("rushproof_load_hop_failed_total", hops(|traffic| traffic.failed));
    page.family(
        "rushproof_load_fault_in_force",
        counts.rules.iter().map(|(rule, seen)| (vec![("fault", rule.as_str())], f64::from(u8::from(seen.in_force())))),
    );
    page.family(
        "rushproof_load_fault_strikes_total",
        counts.rules.iter().map(|(rule, seen)| (vec![("fault", rule.as_str())], float(seen.strikes))),
    );
    let sample = counts.sample.clone().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floats, and no stock comes near 2^53")]
    page.family("rushproof_load_stock", sample.stock.iter().map(|(product, pieces)| (vec![("product", product.as_str())], *pieces as f64)));
    let queues = sample.queues.iter().flat_map(|queue| {
        [("visible", queue.visible), ("in_flight", queue.in_flight), ("delayed", queue.delayed)].map(|(state, messages)| {
            let dead = if queue.dead_letter { "true" } else { "false" };
            (vec![("queue", queue.queue.as_str()), ("dead_letter", dead), ("state", state)], float(messages))
        })
    });
    page.family("rushproof_load_queue_messages", queues);
    page.one("rushproof_load_restocks_total", float(counts.restocks));
    page.one("rushproof_load_processes_lost_total", float(counts.unasked.len() as u64));
    page.text
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floats, and no count comes near 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str) {
        let (_, kind, meaning) = METRICS.iter().find(|(described, ..)| *described == name).expect("every number that is told is described");
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, value: f64) {
        self.head(name);
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn family<'v>(&mut self, name: &str, rows: impl IntoIterator<Item = (Vec<(&'static str, &'v str)>, f64)>) {
        self.head(name);
        for (labels, value) in rows {
            let labels: Vec<String> = labels.into_iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
            let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
        }
    }

    /// The sum is that of the buckets' upper ends, which lie within 9 % of the truth.
    fn histogram(&mut self, name: &str, seen: &[(u64, u64)]) {
        self.head(name);
        for end in bucket_ends() {
            let within: u64 = seen.iter().filter(|(us, _)| *us <= end).map(|(_, count)| count).sum();
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{}\"}} {within}", end as f64 / 1e6);
        }
        let count: u64 = seen.iter().map(|(_, count)| count).sum();
        let sum: f64 = seen.iter().map(|(us, count)| *us as f64 / 1e6 * float(*count)).sum();
        let _ = writeln!(self.text, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}");
    }
}

/// A label's value: names of products and rules are whatever a file says.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::event::Sample;
    use crate::history::tally::Rule;

    #[tokio::test]
    async fn every_number_is_described_and_told_once() {
        let state = ProgressState::new();
        let text = render(&Counts::default(), &state);
        for (name, kind, _) in METRICS {
            assert_eq!(text.matches(&format!("# TYPE {name} {kind}\n")).count(), 1, "{name}");
        }
    }

    #[tokio::test]
    async fn latency_is_a_histogram_and_labels_cannot_break_out() {
        let state = ProgressState::new();
        state.answered(AnswerClass::Sold, 900);
        state.answered(AnswerClass::Sold, 90_000_000);
        let mut counts =
            Counts { sample: Some(Sample { stock: vec![("a\"b\\\n".to_owned(), 7)], ..Sample::default() }), ..Counts::default() };
        counts.rules.insert("cut".to_owned(), Rule { requested: true, effective: false, strikes: 2, healed: None });
        let text = render(&counts, &state);
        assert!(text.contains("rushproof_load_latency_seconds_bucket{le=\"0.001\"} 1\n"), "{text}");
        assert!(
            text.contains("rushproof_load_latency_seconds_bucket{le=\"+Inf\"} 2\n")
                && text.contains("rushproof_load_latency_seconds_count 2\n")
        );
        assert!(text.contains("rushproof_load_stock{product=\"a\\\"b\\\\\\n\"} 7\n"), "{text}");
        assert!(text.contains("rushproof_load_fault_in_force{fault=\"cut\"} 1\n"));
    }
}
