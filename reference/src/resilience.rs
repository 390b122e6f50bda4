//! How the pipeline behaves towards something that is slow, busy or gone: wait longer each time ([`backoff`]), stop asking
//! ([`breaker`]), and never ask with more hands than agreed ([`limiter`]).

pub mod backoff;
pub mod breaker;
pub mod limiter;
