//! What flows on each edge of the picture: the difference between two looks at what passed the taps.

use std::collections::BTreeMap;

use chaos::plan::Plan as FaultPlan;
use reference::pages::picture::{Flow, Picture};

use crate::history::event::{Micros, Passed};
use crate::history::tally::{Counts, Traffic};
use crate::live::course::Point;
use crate::progress::state::Snapshot;

/// Where a planned fault stands, for the picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Hop, or the beginning of the names of several.
    pub hop: Option<String>,
    /// Process.
    pub role: Option<String>,
}

/// Where each planned fault stands, by its name.
#[must_use]
pub fn places(faults: &FaultPlan) -> BTreeMap<String, Place> {
    let rules = faults.rules.iter().map(|rule| (rule.name.to_string(), Place { hop: rule.select.hop.clone(), role: None }));
    let incidents = faults.incidents.iter().map(|incident| {
        let hop = match &incident.what {
            chaos::incident::What::Unreachable { hop, .. } => Some(hop.clone()),
            _ => None,
        };
        (incident.name.to_string(), Place { hop, role: incident.what.role().map(str::to_owned) })
    });
    rules.chain(incidents).collect()
}

/// The last look.
#[derive(Debug, Default)]
pub struct Flows {
    at: Micros,
    traffic: BTreeMap<(String, String), Traffic>,
    attempts: Option<(Micros, u64, [u64; 5])>,
}

impl Flows {
    /// Paints what flowed since the last look, and where something is in force.
    pub fn paint(&mut self, now: Micros, counts: &Counts, places: &BTreeMap<String, Place>, picture: &mut Picture) {
        let seconds = now.saturating_sub(self.at) as f64 / 1e6;
        let in_force: Vec<&Place> =
            counts.rules.iter().filter(|(_, rule)| rule.in_force()).filter_map(|(name, _)| places.get(name)).collect();
        let flow = |hop: &dyn Fn(&str) -> bool, action: &dyn Fn(&str) -> bool| {
            let mut sum = Flow::default();
            for (key, now) in counts.traffic.iter().filter(|((at, what), _)| hop(at) && action(what)) {
                let before = self.traffic.get(key).copied().unwrap_or_default();
                sum.rate += now.items.saturating_sub(before.items) as f64;
                sum.struck += now.struck.saturating_sub(before.struck);
            }
            sum.rate = if seconds > 0.0 { sum.rate / seconds } else { 0.0 };
            sum
        };
        let any = |_: &str| true;
        let publishing = |what: &str| what.starts_with("Publish");
        let mailing = |what: &str| what.starts_with("SendEmail") || what.contains("outbound-emails");
        picture.buyers = Flow { troubled: troubled(&in_force, "sales"), ..flow(&|hop| hop == "sales", &any) };
        picture.factory = Flow { troubled: troubled(&in_force, "factory"), ..flow(&|hop| hop == "factory", &any) };
        picture.reports = if picture.calls_back {
            Flow { troubled: troubled(&in_force, "callback"), ..flow(&|hop| hop == "callback", &any) }
        } else {
            Flow { troubled: troubled(&in_force, "aws.factory"), ..flow(&|hop| hop == "aws.factory", &publishing) }
        };
        picture.published = Flow {
            troubled: troubled(&in_force, "aws.relay") || troubled(&in_force, "aws.target"),
            ..flow(&|hop| hop.starts_with("aws.") && hop != "aws.factory", &publishing)
        };
        picture.mails = flow(&|hop| hop.starts_with("aws."), &mailing);
        for lane in &mut picture.lanes {
            let hop = format!("aws.{}", lane.stage);
            lane.taken = Flow { troubled: troubled(&in_force, &hop), ..flow(&|at| at == hop, &|what| what == Passed::RECEIVE) };
        }
        picture.down = in_force.iter().filter_map(|place| place.role.clone()).collect();
        (self.at, self.traffic) = (now, counts.traffic.clone());
    }
}

impl Flows {
    /// Attempts and answers per second since the last call.
    pub fn rates(&mut self, now: Micros, snapshot: &Snapshot) -> Point {
        let (since, sent, answers) =
            self.attempts.replace((now, snapshot.sent, snapshot.answers)).unwrap_or((now, snapshot.sent, snapshot.answers));
        let seconds = now.saturating_sub(since) as f64 / 1e6;
        let rate = |now: u64, before: u64| if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 };
        Point {
            sent: rate(snapshot.sent, sent),
            answers: std::array::from_fn(|class| rate(snapshot.answers[class], answers[class])),
            ..Point::default()
        }
    }
}

/// Whether something is in force on a hop; "aws" covers "aws.relay". What stands everywhere is shown nowhere: it would be on every edge.
fn troubled(in_force: &[&Place], hop: &str) -> bool {
    let covers = |at: &str| at == hop || hop.strip_prefix(at).is_some_and(|rest| rest.starts_with('.'));
    in_force.iter().any(|place| place.hop.as_deref().is_some_and(covers))
}

#[cfg(test)]
mod tests {
    use reference::pages::picture::Lane;

    use super::*;
    use crate::history::tally::Rule;

    fn traffic(items: u64, struck: u64) -> Traffic {
        Traffic { requests: items, items, struck, failed: 0 }
    }

    #[test]
    fn flows_are_what_passed_since_the_last_look() {
        let mut flows = Flows::default();
        let mut picture = Picture { lanes: vec![Lane { stage: "replenish".to_owned(), ..Lane::default() }], ..Picture::default() };
        let mut counts = Counts::default();
        let pass =
            |counts: &mut Counts, hop: &str, what: &str, passed: Traffic| counts.traffic.insert((hop.to_owned(), what.to_owned()), passed);
        pass(&mut counts, "sales", "", traffic(100, 0));
        flows.paint(1_000_000, &counts, &BTreeMap::new(), &mut picture);
        pass(&mut counts, "sales", "", traffic(130, 4));
        pass(&mut counts, "aws.relay", "PublishBatch", traffic(10, 0));
        pass(&mut counts, "aws.replenish", "ReceiveMessage", traffic(6, 0));
        pass(&mut counts, "aws.replenish", "DeleteMessageBatch", traffic(6, 0));
        flows.paint(3_000_000, &counts, &BTreeMap::new(), &mut picture);
        assert_eq!((picture.buyers.rate, picture.buyers.struck), (15.0, 4));
        assert_eq!((picture.published.rate, picture.lanes[0].taken.rate), (5.0, 3.0));
    }

    #[test]
    fn a_fault_in_force_marks_its_edge_until_it_is_healed() {
        let places = BTreeMap::from([
            ("slow".to_owned(), Place { hop: Some("aws".to_owned()), role: None }),
            ("kill".to_owned(), Place { hop: None, role: Some("relay".to_owned()) }),
        ]);
        let mut counts = Counts::default();
        let rule = |healed| Rule { requested: true, effective: true, strikes: 1, healed };
        counts.rules = BTreeMap::from([("slow".to_owned(), rule(None)), ("kill".to_owned(), rule(None))]);
        let mut picture = Picture::default();
        Flows::default().paint(1, &counts, &places, &mut picture);
        assert!(picture.published.troubled && !picture.buyers.troubled);
        assert_eq!(picture.down, ["relay"]);
        counts.rules = BTreeMap::from([("slow".to_owned(), rule(Some(true))), ("kill".to_owned(), rule(Some(true)))]);
        Flows::default().paint(1, &counts, &places, &mut picture);
        assert!(!picture.published.troubled && picture.down.is_empty());
    }
}
