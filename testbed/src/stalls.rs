//! A server that stalls regularly, as arithmetic: when it answers a request depends on nothing but when the request reaches it, so what an open model
//! must measure can be computed exactly.

/// What it does; all times in µs, on a clock that begins at 0.
#[derive(Debug, Clone, Copy)]
pub struct Stalls {
    /// From one stall to the next.
    pub period: u64,
    /// When in each period the stall begins.
    pub begins: u64,
    /// How long it lasts: whoever comes meanwhile is only looked at when it is over.
    pub lasts: u64,
    /// What serving takes, of however many at once.
    pub service: u64,
}

impl Stalls {
    /// When a request is answered that reaches the server at `at`.
    #[must_use]
    pub fn answered(&self, at: u64) -> u64 {
        let phase = at % self.period;
        let end = self.begins + self.lasts;
        let taken = if (self.begins..end).contains(&phase) { at - phase + end } else { at };
        taken + self.service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_during_a_stall_waits_for_its_end() {
        let stalls = Stalls { period: 100, begins: 40, lasts: 10, service: 3 };
        assert_eq!([0, 39, 40, 49, 50, 145].map(|at| stalls.answered(at)), [3, 42, 53, 53, 53, 153]);
    }
}
