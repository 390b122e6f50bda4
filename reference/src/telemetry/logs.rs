//! Log lines on standard error: for a person on a terminal, or JSON for whoever collects them. Standard output is left to results.

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged when nobody says otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// How a line looks.
    pub format: LogFormat,
    /// Which levels of which modules.
    pub filter: Targets,
}

/// A level filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no log filter; write a level (error, warn, info, debug, trace, off) or levels by module (warn,reference::relay=debug)")]
pub struct BadFilter(pub String);

/// Reads a filter: a level, or levels by module (`warn,reference::relay=debug`).
///
/// # Errors
/// [`BadFilter`] when it is neither.
pub fn parse_filter(text: &str) -> Result<Targets, BadFilter> {
    // An empty variable counts as unset.
    let text = if text.trim().is_empty() { DEFAULT_FILTER } else { text };
    // `Targets` takes an unknown word for the name of a module and would then log that module only, that is: nothing.
    let words_are_levels =
        text.split(',').all(|part| part.contains('=') || part.trim().parse::<tracing::level_filters::LevelFilter>().is_ok());
    match text.parse() {
        Ok(filter) if words_are_levels => Ok(filter),
        _ => Err(BadFilter(text.to_owned())),
    }
}

/// Sends log lines to standard error from now on. A process that already has a subscriber keeps it: the first one wins.
pub fn init(options: LogOptions) {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match options.format {
        LogFormat::Human => layer.with_ansi(colour).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    // Two runs in one process (a test) is the only way to fail here.
    drop(tracing_subscriber::registry().with(layer.with_filter(options.filter)).try_init());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_by_module_are_filters() {
        for text in ["info", "off", "warn,reference::relay=debug", "reference=trace"] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_mistyped_level_is_refused_instead_of_silencing_everything() {
        for text in ["inof", "warn,debgu", "reference=loud"] {
            assert_eq!(parse_filter(text).unwrap_err(), BadFilter(text.to_owned()));
        }
    }
}
