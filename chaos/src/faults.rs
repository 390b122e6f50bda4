//! Rules that are in force, and what became of them.
//!
//! Installing returns a guard; dropping it heals. Every request that was struck counts as held until all that was to be done to it
//! is done, so that [`Faults::heal`] can prove that nothing is left: no rule active, nothing held.

mod attempts;
mod gate;
mod guard;
mod journal;
mod question;
mod scene;
mod strike;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::decision::{Facts, Rule, Whom};
use crate::observe::Exchange;

pub use self::guard::{Installed, NotHealed};
pub use self::journal::Record;
pub use self::question::Question;
pub use self::strike::{Hit, Strike, Verdict};

use self::attempts::Attempts;
use self::gate::{Gate, Permit};
use self::guard::Held;
use self::journal::Tally;
use self::scene::{Scene, Stage};

/// The faults of one run; a clone is the same set.
#[derive(Debug, Clone)]
pub struct Faults {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    seed: u64,
    stage: Stage,
    sales: AtomicU64,
    /// Every rule that ever was, for the journal.
    installed: Mutex<Vec<Arc<Armed>>>,
    attempts: Attempts,
    held: watch::Sender<usize>,
}

/// A rule in force.
#[derive(Debug)]
pub(crate) struct Armed {
    pub(crate) rule: Rule,
    /// Ends every wait that this rule has caused.
    pub(crate) healed: CancellationToken,
    tally: Tally,
    gate: Gate,
    /// Requests and messages that this rule has struck and that are not yet done with.
    held: watch::Sender<usize>,
}

impl Faults {
    /// A set without rules; its time starts now.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            seed,
            stage: Stage::new(),
            sales: AtomicU64::new(0),
            installed: Mutex::default(),
            attempts: Attempts::default(),
            held: watch::Sender::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The seed of its decisions.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// Sets the moment from which the windows and the journal of the rules count.
    pub fn start_at(&self, start: Instant) {
        self.inner.stage.change(|scene| scene.start = start);
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.stage.look().start.elapsed()
    }

    /// Sets the phase that rules may ask for.
    pub fn set_phase(&self, phase: Option<&str>) {
        self.inner.stage.change(|scene| scene.phase = phase.map(Into::into));
    }

    /// The phase that is set.
    #[must_use]
    pub fn phase(&self) -> Option<Arc<str>> {
        self.inner.stage.look().phase.clone()
    }

    /// One more sale was made: what `after_sales` and `until_sales` count.
    pub fn sold(&self) {
        self.inner.sales.fetch_add(1, Ordering::Relaxed);
    }

    /// Sales that were told so far.
    #[must_use]
    pub fn sales(&self) -> u64 {
        self.inner.sales.load(Ordering::Relaxed)
    }

    /// Puts rules into force, after those that are already.
    pub fn install(&self, rules: impl IntoIterator<Item = Rule>) -> Installed {
        let now = self.elapsed();
        let arm = |rule: Rule| {
            let (tally, healed) = (Tally::new(now), CancellationToken::new());
            Arc::new(Armed { tally, gate: Gate::default(), rule, healed, held: watch::Sender::new(0) })
        };
        let rules: Vec<Arc<Armed>> = rules.into_iter().map(arm).collect();
        self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner).extend(rules.iter().cloned());
        if !rules.is_empty() {
            self.inner.attempts.prepare();
        }
        self.inner.stage.change_rules(self.inner.seed, |active| active.extend(rules.iter().cloned()));
        Installed { faults: self.clone(), rules }
    }

    /// How many rules are in force.
    #[must_use]
    pub fn active_rules(&self) -> usize {
        self.inner.stage.look().rules.len()
    }

    /// How many requests and messages are struck and not yet done with.
    #[must_use]
    pub fn held(&self) -> usize {
        *self.inner.held.borrow()
    }

    /// Takes every rule out of force, sends on what is held, and waits until nothing is. Each guard may still be dropped later.
    ///
    /// # Errors
    /// [`NotHealed`] with what is left after `within`.
    pub async fn heal(&self, within: Duration) -> Result<(), NotHealed> {
        self.remove(|_| true);
        let mut held = self.inner.held.subscribe();
        let drained = tokio::time::timeout(within, held.wait_for(|held| *held == 0)).await.is_ok();
        let (active, held) = (self.active_rules(), self.held());
        if drained && active == 0 { Ok(()) } else { Err(NotHealed { within, active, held }) }
    }

    /// What became of every rule that ever was in force, in the order of installation.
    #[must_use]
    pub fn journal(&self) -> Vec<Record> {
        let installed = self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner);
        installed.iter().map(|armed| armed.tally.record(&armed.rule)).collect()
    }

    /// Somebody saw the newest rule of that name take effect. False when no rule has that name, or when it had been seen before.
    pub fn confirm_effective(&self, rule: &str) -> bool {
        self.armed(rule).is_some_and(|armed| armed.tally.effective(self.elapsed()))
    }

    /// Confirms every rule that shows in what became of an exchange, and returns those that had not been seen before.
    pub(crate) fn shown_by(&self, exchange: &Exchange) -> Vec<Arc<Armed>> {
        let mut shown: Vec<Arc<Armed>> = exchange.rules.iter().filter_map(|rule| self.armed(rule)).collect();
        shown.retain(|armed| exchange.shows(&armed.rule.fault) && armed.tally.effective(self.elapsed()));
        shown
    }

    fn armed(&self, rule: &str) -> Option<Arc<Armed>> {
        let installed = self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner);
        installed.iter().rev().find(|armed| &*armed.rule.name == rule).cloned()
    }

    /// Decides what happens, and counts it. Takes no lock and allocates nothing where nothing strikes.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        let scene = self.inner.stage.look();
        if !scene.book.acts_at(question.point) {
            return Verdict::Pass;
        }
        let mut number = itoa::Buffer::new();
        let id = question.id.unwrap_or_else(|| number.format(question.sequence));
        let whom = Whom::new(question.hop, id);
        let attempt = question.id.map_or(0, |_| self.inner.attempts.next(question.point, whom));
        // The clock is read only where a rule asks for it.
        let elapsed = if scene.book.asks_for_time(question.point) { scene.start.elapsed() } else { Duration::ZERO };
        let facts = self.facts(question, whom, attempt, &scene, elapsed);
        if scene.book.strikes(&facts) { self.strike(question, id, whom, attempt) } else { Verdict::Pass }
    }

    /// Decides anew, for certain: rules may have come and gone since somebody looked.
    fn strike(&self, question: &Question<'_>, id: &str, whom: Whom, attempt: u32) -> Verdict {
        // Kept until the strike is counted, so that healing cannot miss it.
        let (_kept, scene) = self.inner.stage.keep();
        let elapsed = scene.start.elapsed();
        let facts = self.facts(question, whom, attempt, &scene, elapsed);
        let mut permits: Vec<Permit> = Vec::new();
        let claim = |index: usize| {
            let armed = &scene.rules[index];
            if let Some(permit) = Gate::admit(armed, elapsed) {
                permits.push(permit);
                return false;
            }
            armed.tally.claim(armed.rule.most(), elapsed)
        };
        let choices = scene.book.decide(&facts, claim);
        if choices.is_empty() && permits.is_empty() {
            return Verdict::Pass;
        }
        let hits: Vec<Hit> =
            choices.into_iter().map(|choice| Hit { armed: Arc::clone(&scene.rules[choice.rule]), wait: choice.wait }).collect();
        // A request that only counts at a gate is not held: it goes on as if there were no rule.
        let held = (!hits.is_empty()).then(|| Held::by(self, hits.iter().map(|hit| Arc::clone(&hit.armed)).collect()));
        Verdict::Struck(Strike { hits, id: id.into(), attempt, _permits: permits, _held: held })
    }

    fn facts<'a>(&self, question: &Question<'a>, whom: Whom, attempt: u32, scene: &'a Scene, elapsed: Duration) -> Facts<'a> {
        Facts {
            point: question.point,
            hop: question.hop,
            method: question.method,
            path: question.path,
            action: question.action,
            attributes: question.attributes,
            whom,
            attempt,
            sequence: question.sequence,
            elapsed,
            sales: self.sales(),
            phase: scene.phase.as_deref(),
        }
    }

    fn remove(&self, unwanted: impl Fn(&Arc<Armed>) -> bool) {
        let now = self.elapsed();
        self.inner.stage.change_rules(self.inner.seed, |active| {
            active.retain(|armed| {
                let unwanted = unwanted(armed);
                if unwanted {
                    armed.healed.cancel();
                    armed.tally.healed(now);
                }
                !unwanted
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Before, Delay, Fault, Point, Slot};

    fn question(id: &str) -> Question<'_> {
        Question { point: Point::Request, hop: "sales", method: "GET", path: "/", action: None, attributes: &[], id: Some(id), sequence: 0 }
    }

    fn refuse(name: &str) -> Rule {
        Rule::new(name, Fault::Before(Before::Refuse))
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_strikes_until_its_guard_is_dropped() {
        let faults = Faults::new(1);
        let guard = faults.install([refuse("a")]);
        assert!(faults.decide(&question("x")).strike().is_some());
        drop(guard);
        assert!(faults.decide(&question("x")).strike().is_none());
        assert_eq!(faults.active_rules(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_heals_its_own_rules_only() {
        let faults = Faults::new(1);
        let first = faults.install([refuse("a")]);
        let second = faults.install([refuse("a"), refuse("b")]);
        drop(second);
        assert_eq!(faults.active_rules(), 1);
        drop(first);
        assert_eq!(faults.active_rules(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_is_kept_and_the_journal_knows_it_all() {
        let faults = Faults::new(1);
        let mut rule = refuse("a");
        rule.select.first = Some(3);
        tokio::time::advance(Duration::from_secs(1)).await;
        let guard = faults.install([rule, Rule::new("b", Fault::Again)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        let struck = (0..10)
            .filter_map(|n| faults.decide(&question(&n.to_string())).strike())
            .filter(|strike| strike.in_slot(Slot::Before).is_some());
        assert_eq!(struck.count(), 3);
        assert!(faults.confirm_effective("a"));
        assert!(!faults.confirm_effective("a"), "seen before");
        assert!(!faults.confirm_effective("nobody"));
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(guard);
        let [a, b] = faults.journal().try_into().unwrap();
        let second = Duration::from_secs(1);
        assert_eq!((a.fired, a.requested, a.first_fired, a.last_fired), (3, second, Some(2 * second), Some(2 * second)));
        assert_eq!((a.effective, a.healed), (Some(2 * second), Some(3 * second)));
        assert_eq!((b.fired, b.effective), (7, None));
    }

    #[tokio::test(start_paused = true)]
    async fn phases_and_windows_open_and_close() {
        let faults = Faults::new(1);
        let mut rule = refuse("a");
        rule.select.phase = Some("storm".to_owned());
        rule.select.until = Some(Duration::from_secs(10));
        let _guard = faults.install([rule]);
        assert!(faults.decide(&question("x")).strike().is_none());
        faults.set_phase(Some("storm"));
        assert!(faults.decide(&question("x")).strike().is_some());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(faults.decide(&question("x")).strike().is_none());
        faults.start_at(Instant::now());
        assert!(faults.decide(&question("x")).strike().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn healing_ends_every_wait_and_waits_for_what_is_held() {
        let faults = Faults::new(1);
        let _guard = faults.install([Rule::new("slow", Fault::Wait(Delay::Fixed(Duration::from_secs(3600))))]);
        let strike = faults.decide(&question("x")).strike().unwrap();
        assert_eq!(faults.held(), 1);
        let waiting = tokio::spawn(async move { strike.wait().await });
        let began = Instant::now();
        faults.heal(Duration::from_secs(5)).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!((faults.active_rules(), faults.held()), (0, 0));
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_held_is_told() {
        let faults = Faults::new(1);
        let _guard = faults.install([refuse("a")]);
        let _strike = faults.decide(&question("x")).strike().unwrap();
        let error = faults.heal(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "not healed within 5s: 0 rules active, 1 requests or messages still held; shorten their delays, or give them longer"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_heals_what_its_own_rules_hold_and_leaves_the_others() {
        let faults = Faults::new(1);
        let slow = || Rule::new("slow", Fault::Wait(Delay::Fixed(Duration::from_secs(3600))));
        let (first, second) = (faults.install([slow()]), faults.install([refuse("other")]));
        let strike = faults.decide(&question("x")).strike().unwrap();
        let held_by_other = faults.decide(&Question { hop: "elsewhere", ..question("y") }).strike().unwrap();
        let waiting = tokio::spawn(async move { strike.wait().await });
        let error = first.heal(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!((error.active, error.held), (0, 1), "the second strike is held by both");
        waiting.await.unwrap();
        drop(held_by_other);
        assert_eq!((faults.active_rules(), faults.held()), (1, 0));
        second.heal(Duration::from_secs(5)).await.unwrap();
        assert_eq!(faults.active_rules(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_is_another_attempt_and_decides_anew() {
        let faults = Faults::new(1);
        let mut rule = refuse("half");
        rule.select.share = crate::decision::Share::new(0.5).unwrap();
        let _guard = faults.install([rule]);
        let struck = (0..100).filter(|_| faults.decide(&question("same")).strike().is_some()).count();
        assert!((20..=80).contains(&struck), "{struck} of 100");
    }
}
