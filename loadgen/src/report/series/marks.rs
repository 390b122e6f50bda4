//! Phases, stages, faults and processes: the marks that give a chart its meaning.

use crate::history::event::{FaultMark, FaultState, Micros, PhaseMark, RoleMark};
use crate::result::series::{FaultRow, PhaseSpan, RoleRow, Series, StageSpan};

/// Most rows of each kind: a fault that fires per request must not make a report of gigabytes.
const MOST_ROWS: usize = 2_000;

/// Most rows of firings among those of faults, so that there is room for what else becomes of them.
const MOST_FIRINGS: usize = 1_000;

/// All marks so far.
#[derive(Debug, Default)]
pub(super) struct Marks {
    phases: Vec<PhaseSpan>,
    open_phases: Vec<bool>,
    stages: Vec<StageSpan>,
    faults: Vec<FaultRow>,
    firings: usize,
    roles: Vec<RoleRow>,
    beyond: u64,
}

impl Marks {
    pub(super) fn phase(&mut self, at: Micros, mark: &PhaseMark) {
        if mark.begin {
            self.phases.push(PhaseSpan { phase: mark.phase, from: at, to: at, note: mark.note.clone() });
            self.open_phases.push(true);
            return;
        }
        let open = self.phases.iter_mut().zip(&mut self.open_phases).rev().find(|(span, open)| **open && span.phase == mark.phase);
        if let Some((span, open)) = open {
            (span.to, *open) = (at, false);
            span.note = mark.note.clone().or(span.note.take());
        }
    }

    pub(super) fn stage(&mut self, at: Micros, name: &str) {
        if let Some(before) = self.stages.last_mut() {
            before.to = at;
        }
        if self.stages.len() < MOST_ROWS {
            self.stages.push(StageSpan { name: name.to_owned(), from: at, to: at });
        }
    }

    pub(super) fn fault(&mut self, at: Micros, width: Micros, mark: &FaultMark) {
        if mark.state == FaultState::Fired {
            let same = |row: &&mut FaultRow| row.rule == mark.rule && row.state == FaultState::Fired && at - row.at.min(at) < width;
            if let Some(row) = self.faults.iter_mut().rev().take(64).find(same) {
                row.times += 1;
                return;
            }
        }
        let full = self.faults.len() == MOST_ROWS || (mark.state == FaultState::Fired && self.firings == MOST_FIRINGS);
        if full {
            self.beyond += 1;
            return;
        }
        self.firings += usize::from(mark.state == FaultState::Fired);
        self.faults.push(FaultRow { at, rule: mark.rule.clone(), state: mark.state, hop: mark.hop.clone(), times: 1 });
    }

    pub(super) fn role(&mut self, at: Micros, mark: &RoleMark) {
        if self.roles.len() == MOST_ROWS {
            self.beyond += 1;
            return;
        }
        let RoleMark { role, state, planned, note, .. } = mark;
        self.roles.push(RoleRow { at, role: role.clone(), state: *state, planned: *planned, note: note.clone() });
    }

    /// Closes what is open at `end` and hands everything to the series.
    pub(super) fn finish(mut self, end: Micros, series: &mut Series) {
        for (span, _) in self.phases.iter_mut().zip(&self.open_phases).filter(|(_, open)| **open) {
            span.to = end;
        }
        if let Some(last) = self.stages.last_mut() {
            // The last stage ends with the load, or with a history that was cut off.
            let load = self.phases.iter().find(|span| span.from <= last.from && last.from < span.to);
            last.to = load.map_or(end, |span| span.to);
        }
        series.phases = self.phases;
        series.stages = self.stages;
        series.faults = self.faults;
        series.roles = self.roles;
        series.marks_not_listed = self.beyond;
    }
}
