//! Rules that are in force, and what became of them.
//!
//! Installing returns a guard; dropping it heals. Every request that was struck counts as held until all that was to be done to it
//! is done, so that [`Faults::heal`] can prove that nothing is left: no rule active, nothing held.

mod attempts;
mod journal;
mod strike;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::decision::{self, Facts, Point, Rule};

pub use self::journal::Record;
pub use self::strike::{Hit, Strike, Verdict};

pub(crate) use self::attempts::Recent;

use self::attempts::Attempts;
use self::journal::Tally;

/// The faults of one run; a clone is the same set.
#[derive(Debug, Clone)]
pub struct Faults {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    seed: u64,
    start: RwLock<Instant>,
    phase: RwLock<Option<Arc<str>>>,
    /// Length of `rules`, read first: most requests meet no rule at all.
    active: AtomicUsize,
    rules: RwLock<Vec<Arc<Armed>>>,
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
}

/// What is asked: [`Facts`] without what the set of faults knows by itself.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Which kind of decision.
    pub point: Point,
    /// Name of the hop.
    pub hop: &'a str,
    /// HTTP method, or empty.
    pub method: &'a str,
    /// Path without query, or empty.
    pub path: &'a str,
    /// AWS action, or "COMMIT".
    pub action: Option<&'a str>,
    /// Message attributes.
    pub attributes: &'a [(String, String)],
    /// Business id, when there is one.
    pub id: Option<&'a str>,
    /// How many requests passed this hop before.
    pub sequence: u64,
}

/// Rules that are in force until this is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard heals at once"]
pub struct Installed {
    faults: Faults,
    rules: Vec<Arc<Armed>>,
}

/// Something is left after the time given for healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not healed within {within:?}: {active} rules active, {held} requests or messages still held")]
pub struct NotHealed {
    /// For how long was waited.
    pub within: Duration,
    /// Rules still (or again) active.
    pub active: usize,
    /// Requests and messages still held.
    pub held: usize,
}

impl Faults {
    /// A set without rules; its time starts now.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            seed,
            start: RwLock::new(Instant::now()),
            phase: RwLock::default(),
            active: AtomicUsize::new(0),
            rules: RwLock::default(),
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
        *self.inner.start.write().unwrap_or_else(PoisonError::into_inner) = start;
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.start.read().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Sets the phase that rules may ask for.
    pub fn set_phase(&self, phase: Option<&str>) {
        *self.inner.phase.write().unwrap_or_else(PoisonError::into_inner) = phase.map(Into::into);
    }

    /// Puts rules into force, after those that are already.
    pub fn install(&self, rules: impl IntoIterator<Item = Rule>) -> Installed {
        let now = self.elapsed();
        let arm = |rule: Rule| Arc::new(Armed { tally: Tally::new(now), rule, healed: CancellationToken::new() });
        let rules: Vec<Arc<Armed>> = rules.into_iter().map(arm).collect();
        self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner).extend(rules.iter().cloned());
        let mut active = self.inner.rules.write().unwrap_or_else(PoisonError::into_inner);
        active.extend(rules.iter().cloned());
        self.inner.active.store(active.len(), Ordering::Release);
        drop(active);
        Installed { faults: self.clone(), rules }
    }

    /// How many rules are in force.
    #[must_use]
    pub fn active_rules(&self) -> usize {
        self.inner.active.load(Ordering::Acquire)
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

    /// A canary saw the newest rule of that name take effect. False when no rule has that name.
    pub fn confirm_effective(&self, rule: &str) -> bool {
        let installed = self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner);
        let armed = installed.iter().rev().find(|armed| &*armed.rule.name == rule);
        armed.inspect(|armed| armed.tally.effective(self.elapsed())).is_some()
    }

    /// Decides what happens, and counts it. Allocates nothing where no rule is in force.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        if self.active_rules() == 0 {
            return Verdict::Pass;
        }
        // Held until the strike is counted, so that healing cannot miss it.
        let rules = self.inner.rules.read().unwrap_or_else(PoisonError::into_inner);
        if !rules.iter().any(|armed| armed.rule.fault.acts_at(question.point)) {
            return Verdict::Pass;
        }
        let id = question.id.map_or_else(|| Cow::Owned(question.sequence.to_string()), Cow::Borrowed);
        let attempt = question.id.map_or(0, |id| self.inner.attempts.next(question.point, question.hop, id));
        let phase = self.inner.phase.read().unwrap_or_else(PoisonError::into_inner).clone();
        let elapsed = self.elapsed();
        let facts = Facts {
            point: question.point,
            hop: question.hop,
            method: question.method,
            path: question.path,
            action: question.action,
            attributes: question.attributes,
            id: &id,
            attempt,
            sequence: question.sequence,
            elapsed,
            phase: phase.as_deref(),
        };
        let claim = |index: usize| rules[index].tally.claim(rules[index].rule.select.first, elapsed);
        let choices = decision::decide(self.inner.seed, rules.iter().map(|armed| &armed.rule), &facts, claim);
        if choices.is_empty() {
            return Verdict::Pass;
        }
        let hits = choices.into_iter().map(|choice| Hit { armed: Arc::clone(&rules[choice.rule]), wait: choice.wait }).collect();
        Verdict::Struck(Strike { hits, _held: self.hold() })
    }

    fn hold(&self) -> Held {
        self.inner.held.send_modify(|held| *held += 1);
        Held { faults: self.clone() }
    }

    fn remove(&self, unwanted: impl Fn(&Arc<Armed>) -> bool) {
        let now = self.elapsed();
        let mut active = self.inner.rules.write().unwrap_or_else(PoisonError::into_inner);
        active.retain(|armed| {
            let unwanted = unwanted(armed);
            if unwanted {
                armed.healed.cancel();
                armed.tally.healed(now);
            }
            !unwanted
        });
        self.inner.active.store(active.len(), Ordering::Release);
    }
}

impl Installed {
    /// What became of these rules.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.rules.iter().map(|armed| armed.tally.record(&armed.rule)).collect()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.faults.remove(|armed| self.rules.iter().any(|own| Arc::ptr_eq(own, armed)));
    }
}

/// Counts something as held until it is dropped.
#[derive(Debug)]
struct Held {
    faults: Faults,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.faults.inner.held.send_modify(|held| *held -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Before, Delay, Fault, Slot};

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
        assert_eq!(error.to_string(), "not healed within 5s: 0 rules active, 1 requests or messages still held");
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
