//! A smaller plan that may still fail: which faults are left, when they strike, and how much load there is.

use std::fmt;
use std::time::Duration;

use chaos::incident::{Incident, Moment, What};

use crate::scenario::{Scenario, Traffic};

/// Windows are not cut below this: less is over before a pipeline notices.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// An occurrence is not cut below this.
const SHORTEST_OCCURRENCE: Duration = Duration::from_millis(200);

/// Load is not cut below this.
const SHORTEST_LOAD: Duration = Duration::from_secs(2);

/// Nor below this share of its rate.
const LEAST_PERCENT: u32 = 5;

/// After the last fault buyers go on for so long, because what was broken shows when somebody comes.
const AFTERMATH: Duration = Duration::from_secs(2);

/// A plan, as far as it can be made smaller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The faults that are left, in the order of the original.
    pub faults: Vec<Cut>,
    /// The load that is left.
    pub load: Load,
}

/// A fault that is left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Its name.
    pub name: String,
    /// When it strikes.
    pub time: Time,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// A rule: between these two moments after the start of the load.
    Window {
        /// From then on.
        from: Duration,
        /// Until then.
        until: Duration,
    },
    /// An incident: at its own moment.
    Occurrences {
        /// When it first happens; zero when the number of sales says so.
        from: Duration,
        /// So many times.
        times: u32,
        /// Each for so long; zero when that is not for the plan to say.
        lasts: Duration,
    },
}

/// How much load there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Load {
    /// For how long buyers arrive.
    pub lasts: Duration,
    /// Their number per second (or, in a closed load, their number), in percent of the original.
    pub percent: u32,
}

/// What is made smaller, in this order: a rule that is gone need not be cut any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Which faults there are.
    Faults,
    /// When they strike.
    Windows,
    /// How many buyers come.
    Load,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { lasts, percent } = self.load;
        let in_force: f64 = self.faults.iter().map(|fault| fault.time.ends().saturating_sub(fault.time.begins()).as_secs_f64()).sum();
        let plural = if self.faults.len() == 1 { "" } else { "s" };
        write!(f, "{} fault{plural} in force for {in_force:.1} s, load of {:.1} s at {percent} %", self.faults.len(), lasts.as_secs_f64())
    }
}

impl Stage {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Faults => Some(Self::Windows),
            Self::Windows => Some(Self::Load),
            Self::Load => None,
        }
    }

    /// For progress lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Faults => "faults",
            Self::Windows => "windows",
            Self::Load => "load",
        }
    }
}

impl Candidate {
    /// The whole of a scenario's plan.
    #[must_use]
    pub fn whole(scenario: &Scenario) -> Self {
        let lasts = scenario.duration();
        let rules = scenario.faults.rules.iter().map(|rule| {
            let (begin, end) = rule.select.phase.as_deref().map_or((Duration::ZERO, lasts), |phase| stage(scenario, phase));
            let (from, until) = (rule.select.from.max(begin).min(lasts), rule.select.until.unwrap_or(lasts).min(end));
            Cut { name: rule.name.to_string(), time: Time::Window { from, until: until.max(from) } }
        });
        let incidents = scenario.faults.incidents.iter();
        let incidents = incidents.map(|incident| Cut { name: incident.name.to_string(), time: occurrences(incident, scenario) });
        Self { faults: rules.chain(incidents).collect(), load: Load { lasts, percent: 100 } }
    }

    /// Everything a little smaller in one respect, the boldest first.
    #[must_use]
    pub fn reductions(&self, stage: Stage) -> Vec<Self> {
        match stage {
            Stage::Faults => self.fewer_faults(),
            Stage::Windows => self.shorter_windows(),
            Stage::Load => self.less_load(),
        }
    }

    /// Delta debugging: nothing at all, each half alone, then without each half, quarter, … down to single faults.
    fn fewer_faults(&self) -> Vec<Self> {
        let count = self.faults.len();
        let mut smaller = Vec::new();
        let with = |faults: Vec<Cut>| Self { faults, ..self.clone() };
        if count > 0 {
            smaller.push(with(Vec::new()));
        }
        if count > 2 {
            smaller.extend(self.faults.chunks(count.div_ceil(2)).map(|half| with(half.to_vec())));
        }
        let mut size = count.div_ceil(2);
        while size > 0 && count > 1 {
            for from in (0..count).step_by(size) {
                let left = self.faults.iter().enumerate().filter(|(place, _)| !(from..from + size).contains(place));
                smaller.push(with(left.map(|(_, fault)| fault.clone()).collect()));
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        smaller
    }

    fn shorter_windows(&self) -> Vec<Self> {
        let with = |place: usize, time: Time| {
            let mut smaller = self.clone();
            smaller.faults[place].time = time;
            smaller
        };
        self.faults
            .iter()
            .enumerate()
            .flat_map(|(place, fault)| fault.time.shorter().into_iter().map(move |time| with(place, time)))
            .collect()
    }

    fn less_load(&self) -> Vec<Self> {
        let Load { lasts, percent } = self.load;
        let with = |load: Load| Self { load, ..self.clone() };
        // Some happen at moments that are not known here (after so many sales): only trying tells.
        let needed = self.faults.iter().map(|fault| fault.time.ends() + AFTERMATH).max();
        // A fault that begins when nobody comes any more is none.
        let least = self.faults.iter().map(|fault| fault.time.begins() + SHORTEST_WINDOW).fold(SHORTEST_LOAD, Duration::max);
        let shorter = [needed, Some(lasts / 2), Some(lasts * 3 / 4)].into_iter().flatten().map(rounded);
        let mut smaller: Vec<Self> =
            shorter.filter(|shorter| (least..lasts).contains(shorter)).map(|lasts| with(Load { lasts, percent })).collect();
        if percent / 2 >= LEAST_PERCENT {
            smaller.push(with(Load { lasts, percent: percent / 2 }));
        }
        smaller
    }
}

impl Time {
    fn begins(self) -> Duration {
        match self {
            Self::Window { from, .. } | Self::Occurrences { from, .. } => from,
        }
    }

    fn ends(self) -> Duration {
        match self {
            Self::Window { until, .. } => until,
            Self::Occurrences { from, lasts, .. } => from + lasts,
        }
    }

    fn shorter(self) -> Vec<Self> {
        match self {
            Self::Window { from, until } => {
                let length = until.saturating_sub(from);
                if length < SHORTEST_WINDOW * 2 {
                    return Vec::new();
                }
                let (half, quarter) = (rounded(from + length / 2), rounded(length / 4));
                let window = |from, until| Self::Window { from, until };
                let mut shorter = vec![window(from, half), window(half, until)];
                if length >= SHORTEST_WINDOW * 4 {
                    shorter.extend([window(from, until - quarter), window(from + quarter, until)]);
                }
                shorter
            }
            Self::Occurrences { from, times, lasts } => {
                let occurrences = |times, lasts| Self::Occurrences { from, times, lasts };
                let mut shorter = Vec::new();
                if times > 1 {
                    shorter.push(occurrences(1, lasts));
                }
                if times > 3 {
                    shorter.push(occurrences(times / 2, lasts));
                }
                if lasts / 2 >= SHORTEST_OCCURRENCE {
                    shorter.push(occurrences(times, rounded(lasts / 2)));
                }
                shorter
            }
        }
    }
}

fn occurrences(incident: &Incident, scenario: &Scenario) -> Time {
    // What a restart lasts is up to the process.
    let lasts = match incident.what {
        What::Restart { .. } | What::CrashAt { .. } => Duration::ZERO,
        _ => incident.what.lasts(),
    };
    let from = match &incident.when.first {
        Moment::At(from) => *from,
        Moment::Phase(phase) => stage(scenario, phase).0,
        Moment::AfterSales(_) => Duration::ZERO,
    };
    Time::Occurrences { from, times: incident.when.times, lasts }
}

/// Begin and end of a stage; the whole load, when it has no stages.
fn stage(scenario: &Scenario, name: &str) -> (Duration, Duration) {
    let mut begin = Duration::ZERO;
    if let Traffic::Open { stages } = &scenario.traffic {
        for stage in stages {
            if stage.name == name {
                return (begin, begin + stage.duration);
            }
            begin += stage.duration;
        }
    }
    (Duration::ZERO, scenario.duration())
}

/// To tenths of a second, which people can read.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis().div_ceil(100)).unwrap_or(u64::MAX / 100) * 100)
}
