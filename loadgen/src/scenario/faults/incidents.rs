//! Whether an incident can happen: a process, a hop and a crash point that are there, and a moment that comes.

use chaos::incident::{Incident, Moment, What};
use chaos::plan::{Fields, Mistakes};
use reference::drills::POINTS;

use super::{Around, begin, instead, known_hop, stage};
use crate::boot::ROLES;

pub(super) fn check(incident: &Incident, fields: &Fields<'_, '_>, around: &Around<'_>, mistakes: &mut Mistakes<'_>) {
    if let Some(role) = incident.what.role().filter(|role| !ROLES.contains(role)) {
        mistakes.add(&fields.span_of("role"), format!("there is no process {role:?}"), instead(role, &ROLES));
    }
    if let Some(hop) = incident.what.hop() {
        known_hop(hop, &fields.span_of("hop"), around.edition, mistakes);
    }
    if let What::CrashAt { role, point, .. } = &incident.what {
        crash_point(role, point, fields, mistakes);
    }
    match &incident.when.first {
        Moment::At(from) => begin(*from + incident.when.span(), fields, around.traffic, mistakes),
        Moment::Phase(phase) => stage(phase, fields, around.traffic, mistakes),
        Moment::AfterSales(_) => {}
    }
}

/// A point that the process never passes would leave every run of the scenario UNKNOWN.
fn crash_point(role: &str, point: &str, fields: &Fields<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let of_role: Vec<&str> = POINTS.iter().copied().filter(|known| known.split_once('.').is_some_and(|(of, _)| of == role)).collect();
    if !of_role.contains(&point) {
        mistakes.add(&fields.span_of("point"), format!("{role} has no crash point {point:?}"), instead(point, &of_role));
    }
}
