//! The last minutes of a run, one point a second, for the curves of the live page.

use std::collections::VecDeque;

use serde::Serialize;

use crate::history::event::Micros;

/// Time between two points, µs.
pub const EVERY: Micros = 1_000_000;

/// Points kept: twenty minutes, as many as the report shows by the second.
const MOST: usize = 1_200;

/// What one moment adds to the curves. What was not seen is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Point {
    /// When, s since the run's start.
    pub at: f64,
    /// Arrivals per second that the plan wants.
    pub planned: f64,
    /// Attempts per second that were sent.
    pub sent: f64,
    /// Answers per second, in the order of [`crate::result::answer::AnswerClass::ALL`].
    pub answers: [f64; 5],
    /// Median latency, µs.
    pub p50: Option<u64>,
    /// 99th percentile, µs.
    pub p99: Option<u64>,
    /// Stock of all products.
    pub stock: Option<i64>,
    /// Messages waiting.
    pub waiting: Option<u64>,
    /// Messages in flight.
    pub in_flight: Option<u64>,
    /// Dead letters.
    pub dead: Option<u64>,
    /// Rules in force.
    pub faults: u64,
}

/// The points, oldest first.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Course(VecDeque<Point>);

impl Course {
    /// Adds a point; the oldest goes when there are too many.
    pub fn add(&mut self, point: Point) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_last_minutes() {
        let mut course = Course::default();
        for second in 0..5_000 {
            course.add(Point { at: f64::from(second), ..Point::default() });
        }
        assert_eq!(course.0.len(), MOST);
        assert_eq!(course.0.front().map(|point| point.at as usize), Some(5_000 - MOST));
    }
}
