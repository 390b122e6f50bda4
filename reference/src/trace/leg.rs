//! A leg of an order's way: one stage's part of its trace, from taking something up to having handed it on.
//!
//! Without the feature `otel` a leg only hands on what it was given.

use super::TraceParent;

/// Which end of a conversation a leg is, in OpenTelemetry's words and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers a call.
    Server = 2,
    /// Makes a call.
    Client = 3,
    /// Puts a message on its way.
    Producer = 4,
    /// Takes a message up.
    Consumer = 5,
}

/// A leg under way. It ends when it is dropped.
#[derive(Debug)]
pub struct Leg {
    onward: Option<TraceParent>,
    #[cfg(feature = "otel")]
    span: Option<super::export::Span>,
}

impl Leg {
    /// A leg of the trace that its caller is in; without one it is none. `name` is asked for only when somebody wants to know it.
    #[must_use]
    pub fn begin(kind: Kind, parent: Option<TraceParent>, name: impl FnOnce() -> String) -> Self {
        #[cfg(feature = "otel")]
        {
            let span = parent.and_then(|parent| super::export::Span::begin(kind, Some(parent), name));
            let onward = span.as_ref().map(super::export::Span::context).or(parent);
            Self { onward, span }
        }
        #[cfg(not(feature = "otel"))]
        {
            let _ = (kind, name);
            Self { onward: parent }
        }
    }

    /// The first leg of a trace, when traces are collected.
    #[must_use]
    pub fn first(kind: Kind, name: impl FnOnce() -> String) -> Self {
        #[cfg(feature = "otel")]
        {
            let span = super::export::Span::begin(kind, None, name);
            Self { onward: span.as_ref().map(super::export::Span::context), span }
        }
        #[cfg(not(feature = "otel"))]
        Self::begin(kind, None, name)
    }

    /// A leg of an order whose trace is known by a number of its own, when traces are collected.
    #[must_use]
    pub fn of_order(kind: Kind, order: impl FnOnce() -> u128, name: impl FnOnce() -> String) -> Self {
        #[cfg(feature = "otel")]
        {
            let span = super::export::Span::begin_in(kind, order, name);
            Self { onward: span.as_ref().map(super::export::Span::context), span }
        }
        #[cfg(not(feature = "otel"))]
        {
            let _ = order;
            Self::begin(kind, None, name)
        }
    }

    /// What those who are called from here are told.
    #[must_use]
    pub fn onward(&self) -> Option<TraceParent> {
        self.onward
    }

    /// Something worth knowing about it.
    pub fn note(&mut self, name: &'static str, value: impl FnOnce() -> String) {
        #[cfg(feature = "otel")]
        if let Some(span) = &mut self.span {
            span.note(name, value());
        }
        #[cfg(not(feature = "otel"))]
        let _ = (name, value);
    }

    /// It is over now, and not when its scope is.
    pub fn end(self) {}

    /// It did not come to a good end.
    pub fn failed(&mut self, why: impl FnOnce() -> String) {
        #[cfg(feature = "otel")]
        if let Some(span) = &mut self.span {
            span.failed(why());
        }
        #[cfg(not(feature = "otel"))]
        let _ = why;
    }
}
