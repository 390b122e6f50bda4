//! One order, one trace: who began a trace hands it on, over HTTP as the header `traceparent`, through SNS and SQS as a message attribute of the
//! same name (<https://www.w3.org/TR/trace-context/>).
//!
//! The pipeline hands on what it was given, whoever collects it; nothing is added to a message whose order brought no trace. With the cargo feature
//! `otel` each stage is a span of its own as well ([`leg`]), and is sent to an OpenTelemetry collector (`export`).
//!
//! Within a task the trace goes along unseen ([`within`], [`current`]); where work changes tasks (the writer's group, the outbox, the factory's
//! production line) it is kept with the work.

#[cfg(feature = "otel")]
pub mod export;
pub mod leg;

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use http::{HeaderMap, HeaderValue};

/// Name of the header and of the message attribute.
pub const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static CURRENT: Option<TraceParent>;
}

/// Where in which trace the caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace: u128,
    /// The caller's span in it; never 0.
    pub span: u64,
    /// Whether the caller records it.
    pub sampled: bool,
}

/// A text that is no `traceparent` of a version that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
pub struct NotATraceParent;

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let part =
            |from: usize, to: usize| text.get(from..to).filter(|part| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        let dashes = text.is_ascii() && [2, 35, 52].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-'));
        let version = part(0, 2).ok_or(NotATraceParent)?;
        // A later version may say more, behind another dash.
        let whole = if version == "00" { text.len() == 55 } else { version != "ff" && text.get(55..56).is_none_or(|next| next == "-") };
        let trace = part(3, 35).and_then(|hex| u128::from_str_radix(hex, 16).ok());
        let span = part(36, 52).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let flags = part(53, 55).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (trace, span, flags) {
            (Some(trace @ 1..), Some(span @ 1..), Some(flags)) if dashes && whole => Ok(Self { trace, span, sampled: flags & 1 == 1 }),
            _ => Err(NotATraceParent),
        }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl TraceParent {
    /// What a caller's headers say; nothing when that makes no sense, as the standard wants it.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
    }

    /// As a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("it is hexadecimal digits and dashes")
    }
}

/// The trace of what this task is about, where there is one.
#[must_use]
pub fn current() -> Option<TraceParent> {
    CURRENT.try_with(|current| *current).ok().flatten()
}

/// Does something as part of a trace.
pub async fn within<T>(trace: Option<TraceParent>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, work).await
}

/// Something for another task, as part of this task's trace.
pub fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    within(current(), work)
}

/// Headers of a call that is made as part of the current trace.
pub fn hand_on(headers: &mut HeaderMap) {
    if let Some(trace) = current() {
        headers.insert(TRACEPARENT, trace.header());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_back_as_it_is_written() {
        let parsed: TraceParent = SOUND.parse().unwrap();
        assert_eq!((parsed.to_string().as_str(), parsed.sampled), (SOUND, true));
        assert!(!SOUND.replace("-01", "-00").parse::<TraceParent>().unwrap().sampled);
        assert!(format!("cc{}-what-comes", &SOUND[2..]).parse::<TraceParent>().is_ok(), "a later version may say more");
    }

    #[test]
    fn what_is_no_traceparent_is_nothing() {
        let zeros = "0".repeat(32);
        let wrong = [
            String::new(),
            SOUND.to_uppercase(),
            format!("{SOUND}-more"),
            SOUND.replace("00-", "ff-"),
            SOUND.replace("0af7651916cd43dd8448eb211c80319c", &zeros),
            SOUND.replace("b7ad6b7169203331", "0000000000000000"),
            SOUND.replace('-', "_"),
            SOUND[..54].to_owned(),
            "ü".repeat(40),
        ];
        for text in wrong {
            assert_eq!(text.parse::<TraceParent>(), Err(NotATraceParent), "{text}");
        }
        assert_eq!(TraceParent::of(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn a_trace_goes_along_in_its_task_and_where_it_is_carried() {
        let trace: TraceParent = SOUND.parse().unwrap();
        assert_eq!(current(), None);
        let (here, elsewhere, forgotten) = within(Some(trace), async {
            let elsewhere = tokio::spawn(carried(async { current() }));
            let forgotten = tokio::spawn(async { current() });
            (current(), elsewhere.await.unwrap(), forgotten.await.unwrap())
        })
        .await;
        assert_eq!((here, elsewhere, forgotten), (Some(trace), Some(trace), None));
        let mut headers = HeaderMap::new();
        within(Some(trace), async { hand_on(&mut headers) }).await;
        assert_eq!(TraceParent::of(&headers), Some(trace));
    }
}
