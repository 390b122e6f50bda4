//! Incidents in a run: each is done at its moment, seen to be done, held for its time, undone and proved to be, and the pipeline survives.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use loadgen::history::HistoryReader;
use loadgen::history::event::{Event, FaultState, RoleState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::faults::{busy, rule};
use crate::whole_command::{Desk, events, text, until};

/// Whatever happens has to happen in the trouble, after some whole seconds without.
const CALM: &str = "3s";

/// What one incident did, and when, in microseconds.
#[derive(Debug, Default)]
struct Story {
    states: Vec<(FaultState, u64)>,
}

impl Story {
    fn first(&self, wanted: FaultState) -> u64 {
        self.states.iter().find(|(state, _)| *state == wanted).unwrap_or_else(|| panic!("never {wanted:?}: {self:?}")).1
    }

    fn count(&self, wanted: FaultState) -> usize {
        self.states.iter().filter(|(state, _)| *state == wanted).count()
    }

    /// Seen to take effect, and proved to be gone at last.
    #[track_caller]
    fn is_whole(&self, times: usize) {
        assert_eq!((self.count(FaultState::Requested), self.count(FaultState::Fired)), (1, times), "{self:?}");
        assert_eq!((self.count(FaultState::Effective), self.count(FaultState::Unhealed)), (times, 0), "{self:?}");
        assert_eq!(self.states.last().map(|(state, _)| *state), Some(FaultState::Healed), "{self:?}");
    }

    /// Held for at least that long, and not for much longer than a busy machine explains.
    #[track_caller]
    fn held(&self, least: Duration) {
        let held = Duration::from_micros(self.first(FaultState::Healed) - self.first(FaultState::Effective));
        assert!(held >= least && held < least + Duration::from_secs(25), "held for {held:?} instead of {least:?}");
    }
}

fn stories(run: &Path) -> BTreeMap<String, Story> {
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    for line in HistoryReader::open(&run.join("history.jsonl.zst")).unwrap().map_while(Result::ok) {
        if let Event::Fault(mark) = line.event {
            stories.entry(mark.rule).or_default().states.push((mark.state, line.at));
        }
    }
    stories
}

/// Runs to a pass, and returns what became of each incident.
fn survived(incidents: &str) -> (Desk, Output, BTreeMap<String, Story>) {
    let desk = Desk::new(&(busy(CALM, "8s") + incidents));
    let output = desk.run();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let stories = stories(&desk.run_folder());
    (desk, output, stories)
}

#[test]
fn processes_are_killed_paused_restarted_crashed_and_given_a_wrong_clock_and_come_back_where_they_were() {
    let (desk, output, stories) = survived(
        &[
            rule("killed", "fault = \"kill\"\nrole = \"broker\"\ndown_for = \"600ms\"\nfrom = \"3s\""),
            rule("paused", "fault = \"pause\"\nrole = \"receiving\"\nfor = \"900ms\"\nphase = \"trouble\""),
            rule("restarted", "fault = \"restart\"\nrole = \"sales\"\nafter_sales = 60"),
            rule("storm", "fault = \"restart-storm\"\nrole = \"operations\"\ntimes = 2\nevery = \"2s\"\nfrom = \"3s\""),
            rule("crashed", "fault = \"crash-at\"\nrole = \"relay\"\npoint = \"relay.published-not-marked\"\nfrom = \"4s\""),
            rule("ahead", "fault = \"clock-skew\"\nrole = \"replenish\"\nby = \"+90s\"\nfor = \"1s\"\nfrom = \"5s\""),
        ]
        .concat(),
    );
    for (name, times) in [("killed", 1), ("paused", 1), ("restarted", 1), ("storm", 2), ("crashed", 1), ("ahead", 1)] {
        stories[name].is_whole(times);
    }
    stories["killed"].held(Duration::from_millis(600));
    stories["paused"].held(Duration::from_millis(900));
    stories["ahead"].held(Duration::from_secs(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("PASS"), "a planned end is no process that ended unasked: {shown}");
    let mut lives: BTreeMap<String, Vec<(RoleState, u32)>> = BTreeMap::new();
    for event in events(&desk.run_folder()) {
        if let Event::Role(mark) = event {
            assert!(mark.planned, "{mark:?}");
            lives.entry(mark.role).or_default().push((mark.state, mark.pid));
        }
    }
    let started = |role: &str| lives[role].iter().filter(|(state, _)| *state == RoleState::Started).count();
    assert_eq!((started("broker"), started("receiving"), started("sales")), (2, 1, 2));
    assert_eq!((started("operations"), started("relay"), started("replenish")), (3, 3, 3));
}

#[test]
fn the_write_lock_is_held_and_a_hop_is_closed_for_a_while_and_what_needs_a_server_is_skipped() {
    let (_desk, output, stories) = survived(
        &[
            rule("locked", "fault = \"lock-database\"\nfor = \"700ms\"\nfrom = \"3s\""),
            rule("closed", "fault = \"unreachable\"\nhop = \"aws\"\nfor = \"800ms\"\nfrom = \"5s\""),
            rule("no connections", "fault = \"exhaust-connections\"\nfor = \"1s\"\nfrom = \"2s\""),
        ]
        .concat(),
    );
    stories["locked"].is_whole(1);
    stories["locked"].held(Duration::from_millis(700));
    // One door for each role that speaks with SQS, SNS or SES.
    stories["closed"].is_whole(7);
    stories["closed"].held(Duration::from_millis(800));
    assert!(!stories.contains_key("no connections"));
    let planned = text(&output.stderr);
    assert!(planned.contains("skipped, because the database is a file: no connections: exhaust-connections"), "{planned}");
}

#[test]
fn an_interrupt_lets_go_of_what_stands_still_and_starts_what_is_away() {
    let incidents = [
        rule("paused", "fault = \"pause\"\nrole = \"relay\"\nfor = \"10m\"\nfrom = \"1s\""),
        rule("away", "fault = \"kill\"\nrole = \"operations\"\ndown_for = \"10m\"\nfrom = \"1s\""),
    ];
    let desk = Desk::new(&(busy(CALM, "30m") + &incidents.concat()));
    let child = desk.start();
    let run = until("both incidents to be seen", || {
        let run = desk.run_folders().pop()?;
        let effective = events(&run).into_iter().filter(|event| matches!(event, Event::Fault(mark) if mark.state == FaultState::Effective));
        (effective.count() == 2).then_some(run)
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stdout));
    for story in stories(&run).values() {
        story.is_whole(1);
    }
}

#[test]
fn a_paused_process_does_not_outlive_a_harness_that_is_killed() {
    let paused = rule("paused", "fault = \"pause\"\nrole = \"relay\"\nfor = \"10m\"\nfrom = \"1s\"");
    let desk = Desk::new(&(busy(CALM, "30m") + &paused));
    let mut child = desk.start();
    let pids = until("the pause to be seen", || {
        let run = desk.run_folders().pop()?;
        let events = events(&run);
        events.iter().any(|event| matches!(event, Event::Fault(mark) if mark.state == FaultState::Effective)).then(|| {
            let roles = events.into_iter().filter_map(|event| if let Event::Role(mark) = event { Some(mark.pid) } else { None });
            roles.collect::<Vec<u32>>()
        })
    });
    assert!(!pids.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    until("every process to be gone", || {
        // Who waits to be collected has ended.
        pids.iter().all(|pid| matches!(chaos::process::state(*pid), None | Some('Z'))).then_some(())
    });
}
