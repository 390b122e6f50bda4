//! What answers and times must be.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::Instant;

/// How far the two clocks of an endpoint and its test may disagree about the end of a timer.
const CLOCK_GRAIN: Duration = Duration::from_millis(10);
/// Room for a busy machine above every expected time.
const SLACK: Duration = Duration::from_secs(5);
/// Below every timeout that a behaviour which does not come promptly would have to wait for, and far above what it takes.
const PROMPTLY: Duration = Duration::from_secs(6);

/// The error of a call that the endpoint must refuse as the caller's fault (a 4xx status).
pub(super) fn refusal<T: Debug, E: Debug>(answer: Result<T, SdkError<E, HttpResponse>>, of: &str) -> E {
    match answer {
        Ok(answer) => panic!("{of} must be refused, and was answered with {answer:?}"),
        Err(SdkError::ServiceError(refused)) => {
            let status = refused.raw().status().as_u16();
            assert!((400..500).contains(&status), "{of} is the caller's fault, but the status is {status}: {:?}", refused.err());
            refused.into_err()
        }
        Err(other) => panic!("{of} must be refused by the endpoint, but the call failed: {other:?}"),
    }
}

/// Asserts that the refusal has one of these codes (an operation's JSON and query forms name some errors differently).
pub(super) fn assert_code(error: &(impl ProvideErrorMetadata + Debug), codes: &[&str]) {
    let code = error.code().unwrap_or_default();
    let short = code.rsplit('.').next().unwrap_or_default();
    assert!(codes.contains(&code) || codes.contains(&short), "the refusal's code should be one of {codes:?}: {error:?}");
}

/// Asserts that not less than `expected` has passed since `start`, and not much more.
pub(super) fn assert_took(start: Instant, expected: Duration, what: &str) {
    let took = start.elapsed();
    assert!(took + CLOCK_GRAIN >= expected, "{what} took {took:?}, which is less than {expected:?}");
    assert!(took <= expected + SLACK, "{what} took {took:?}, which is much more than {expected:?}");
}

/// Asserts that something waited for no timeout.
pub(super) fn assert_prompt(start: Instant, what: &str) {
    let took = start.elapsed();
    assert!(took < PROMPTLY, "{what} took {took:?}, which is not below {PROMPTLY:?}");
}

/// Asserts that a time in milliseconds since the epoch lies within these two (with a second for differing clocks).
pub(super) fn assert_between(milliseconds: &str, range: &RangeInclusive<u64>, what: &str) {
    let value: u64 = milliseconds.parse().unwrap_or_else(|_| panic!("{what} is no number: {milliseconds}"));
    let widened = range.start().saturating_sub(1_000)..=range.end() + 1_000;
    assert!(widened.contains(&value), "{what} is {value}, outside {widened:?}");
}

/// Milliseconds since the epoch.
pub(super) fn epoch_milliseconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(now.as_millis()).expect("milliseconds since 1970 fit 64 bits for a long time")
}
