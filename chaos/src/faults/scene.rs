//! What every decision looks at, and how it changes.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use arc_swap::{ArcSwap, Guard};
use tokio::time::Instant;

use super::Armed;
use crate::decision::Rulebook;

/// Replaced as a whole whenever any of it changes.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// The moment from which windows and the journal count.
    pub(super) start: Instant,
    pub(super) phase: Option<Arc<str>>,
    /// The rules in force.
    pub(super) rules: Vec<Arc<Armed>>,
    /// The same rules, laid out for deciding.
    pub(super) book: Rulebook,
}

/// The scene as it is now. Most requests are struck by nothing, and only look at it, without a lock; whoever is about to strike keeps it from
/// changing until the strike is counted, so that healing cannot miss it.
#[derive(Debug)]
pub(super) struct Stage {
    scene: ArcSwap<Scene>,
    changing: RwLock<()>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let scene = Scene { start: Instant::now(), phase: None, rules: Vec::new(), book: Rulebook::default() };
        Self { scene: ArcSwap::from_pointee(scene), changing: RwLock::new(()) }
    }

    pub(super) fn look(&self) -> Guard<Arc<Scene>> {
        self.scene.load()
    }

    /// The scene, which stays as it is until this is dropped.
    pub(super) fn keep(&self) -> (RwLockReadGuard<'_, ()>, Arc<Scene>) {
        let kept = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        (kept, self.scene.load_full())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Scene)) {
        let _changing = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let mut scene = Scene::clone(&self.scene.load());
        change(&mut scene);
        self.scene.store(Arc::new(scene));
    }

    /// Puts rules into force, or takes them out; the rulebook follows.
    pub(super) fn change_rules(&self, seed: u64, change: impl FnOnce(&mut Vec<Arc<Armed>>)) {
        self.change(|scene| {
            change(&mut scene.rules);
            scene.book = Rulebook::new(seed, scene.rules.iter().map(|armed| &armed.rule));
        });
    }
}
