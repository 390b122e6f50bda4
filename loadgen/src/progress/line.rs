//! The words of the progress display, as pure functions of a snapshot.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::state::Snapshot;
use crate::history::event::Phase;
use crate::report::number::{micros, thousands};
use crate::result::answer::AnswerClass;

/// Attempts per second between two looks.
#[derive(Debug)]
pub(super) struct Rates {
    at: Instant,
    sent: u64,
}

impl Rates {
    pub(super) fn new(now: Instant) -> Self {
        Rates { at: now, sent: 0 }
    }

    /// The rate since the last look; None when no time has passed.
    pub(super) fn next(&mut self, now: Instant, sent: u64) -> Option<f64> {
        let (seconds, more) = (now.duration_since(self.at).as_secs_f64(), sent.saturating_sub(self.sent));
        (self.at, self.sent) = (now, sent);
        (seconds > 0.0).then(|| more as f64 / seconds)
    }
}

/// Phase, stage, and how much of it is left.
pub(super) fn heading(snapshot: &Snapshot) -> String {
    let mut text = phase_name(snapshot.phase).to_owned();
    if !snapshot.detail.is_empty() {
        let _ = write!(text, " ({})", shortened(&snapshot.detail, 40));
    }
    let _ = write!(text, " {}", clock(snapshot.in_phase));
    if let Some(left) = time_left(snapshot) {
        let _ = write!(text, ", {} left", clock(left));
    }
    text
}

/// One line, without colour or control characters.
pub(super) fn plain(snapshot: &Snapshot, rate: Option<f64>) -> String {
    let mut parts = vec![heading(snapshot)];
    if snapshot.sent > 0 {
        parts.push(rate_text(snapshot, rate));
        parts.extend(answers(snapshot).into_iter().map(|(text, _)| text));
        parts.extend(latency(snapshot));
        parts.push(format!("late {}", micros(snapshot.lateness_p99_us)));
    }
    parts.extend(pipeline(snapshot));
    parts.join(" | ")
}

/// The lines under the bar.
pub(super) fn panel(snapshot: &Snapshot, rate: Option<f64>, colour: bool) -> String {
    let painted = |(text, class): (String, AnswerClass)| if colour { format!("\x1b[{}m{text}\x1b[0m", ansi(class)) } else { text };
    let mut lines = vec![format!("  {}", rate_text(snapshot, rate))];
    lines.push(format!("  {}", answers(snapshot).into_iter().map(painted).collect::<Vec<_>>().join("  ")));
    let late = format!("generator late by {} (p99)", micros(snapshot.lateness_p99_us));
    lines.push(format!("  {}", latency(snapshot).into_iter().chain([late]).collect::<Vec<_>>().join("  ")));
    lines.extend(pipeline(snapshot).map(|text| format!("  {text}")));
    lines.join("\n")
}

fn rate_text(snapshot: &Snapshot, rate: Option<f64>) -> String {
    // Where buyers decide (closed load), the plan wants no rate.
    let planned = if snapshot.phase == Phase::Load && snapshot.planned_rate > 0.0 {
        format!(" of {:.0}/s planned", snapshot.planned_rate)
    } else {
        String::new()
    };
    let of =
        if snapshot.planned_arrivals > 0 { format!(", {} arrivals planned", thousands(snapshot.planned_arrivals)) } else { String::new() };
    format!("{:.0}/s{planned}, {} sent{of}", rate.unwrap_or(0.0), thousands(snapshot.sent))
}

fn answers(snapshot: &Snapshot) -> Vec<(String, AnswerClass)> {
    let counted = AnswerClass::ALL.into_iter().zip(snapshot.answers);
    let shown = counted.filter(|(class, count)| *count > 0 || matches!(class, AnswerClass::Sold | AnswerClass::SoldOut));
    shown.map(|(class, count)| (format!("{} {}", class.name(), thousands(count)), class)).collect()
}

fn latency(snapshot: &Snapshot) -> Option<String> {
    let (p50, p99) = snapshot.p50_us.zip(snapshot.p99_us)?;
    Some(format!("p50 {} p99 {}", micros(p50), micros(p99)))
}

fn pipeline(snapshot: &Snapshot) -> Option<String> {
    let seen = snapshot.pipeline?;
    let mut text = format!(
        "stock {}  backlog {} (+{} in flight)  productions open {}",
        seen.stock,
        thousands(seen.waiting),
        thousands(seen.in_flight),
        thousands(seen.open_productions)
    );
    if seen.dead_letters > 0 {
        let _ = write!(text, "  DLQ {}", thousands(seen.dead_letters));
    }
    Some(text)
}

/// Time until the load ends; later phases end when they are done.
fn time_left(snapshot: &Snapshot) -> Option<Duration> {
    (snapshot.phase == Phase::Load && !snapshot.load_duration.is_zero()).then(|| snapshot.load_duration.saturating_sub(snapshot.in_phase))
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Plan => "planning",
        Phase::Boot => "booting",
        Phase::Load => "load",
        Phase::Drain => "draining",
        Phase::Verify => "verifying",
    }
}

/// Colours of the classes, the same as in the report as far as sixteen colours go.
fn ansi(class: AnswerClass) -> &'static str {
    match class {
        AnswerClass::Sold => "32",
        AnswerClass::SoldOut => "33",
        AnswerClass::Browsed => "36",
        AnswerClass::Failed => "31",
        AnswerClass::Unknown => "35",
    }
}

/// Minutes and seconds ("1:05").
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// At most so many characters, control characters replaced: a name from a scenario must not steer a terminal.
fn shortened(text: &str, most: usize) -> String {
    let clean = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let kept: String = clean.take(most).collect();
    if kept.chars().count() < text.chars().count() { format!("{kept}…") } else { kept }
}

#[cfg(test)]
mod tests {
    use super::super::state::Pipeline;
    use super::*;

    fn loading() -> Snapshot {
        Snapshot {
            phase: Phase::Load,
            in_phase: Duration::from_secs(65),
            detail: "praise".to_owned(),
            planned_arrivals: 60_000,
            load_duration: Duration::from_secs(90),
            sent: 41_250,
            answers: [30_000, 9_000, 2_000, 0, 50],
            p50_us: Some(1_900),
            p99_us: Some(48_000),
            lateness_p99_us: 700,
            planned_rate: 800.0,
            pipeline: Some(Pipeline { stock: 12, waiting: 1_340, in_flight: 10, dead_letters: 2, open_productions: 1 }),
        }
    }

    #[test]
    fn a_plain_line_says_everything_and_nothing_a_log_cannot_bear() {
        let line = plain(&loading(), Some(795.4));
        assert_eq!(
            line,
            "load (praise) 1:05, 0:25 left | 795/s of 800/s planned, 41,250 sent, 60,000 arrivals planned | sold 30,000 | sold out 9,000 | \
             browsed 2,000 | unknown 50 | p50 1.9 ms p99 48 ms | late 700 µs | \
             stock 12  backlog 1,340 (+10 in flight)  productions open 1  DLQ 2"
        );
    }

    #[test]
    fn colour_appears_only_where_it_is_wanted() {
        assert!(!panel(&loading(), None, false).contains('\x1b'));
        assert!(panel(&loading(), None, true).contains("\x1b[32msold 30,000"));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let snapshot = Snapshot { detail: "\x1b[2Jboo\nhoo".repeat(20), ..loading() };
        let text = heading(&snapshot);
        assert!(!text.contains('\x1b') && !text.contains('\n') && text.chars().count() < 80);
    }
}
