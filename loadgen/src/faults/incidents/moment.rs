//! When it is time.

use std::time::Duration;

use chaos::faults::Faults;
use chaos::incident::Moment;
use tokio_util::sync::CancellationToken;

/// How exactly a moment is met that nobody announces.
const TICK: Duration = Duration::from_millis(20);

/// Waits for the moment; false when everything is to be undone before it comes.
pub(super) async fn has_come(moment: &Moment, faults: &Faults, stop: &CancellationToken) -> bool {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            _ = ticks.tick() => {}
        }
        if is_now(moment, faults.elapsed(), faults.sales(), faults.phase().as_deref()) {
            return true;
        }
    }
}

fn is_now(moment: &Moment, elapsed: Duration, sales: u64, phase: Option<&str>) -> bool {
    match moment {
        Moment::At(at) => *at <= elapsed,
        Moment::AfterSales(least) => *least <= sales,
        Moment::Phase(wanted) => phase == Some(wanted.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_moment_is_a_time_a_progress_or_a_phase() {
        assert!(!is_now(&Moment::At(SECOND), Duration::ZERO, 0, None));
        assert!(is_now(&Moment::At(SECOND), SECOND, 0, None));
        assert!(!is_now(&Moment::AfterSales(5), SECOND, 4, None));
        assert!(is_now(&Moment::AfterSales(5), SECOND, 5, None));
        let peak = Moment::Phase("peak".to_owned());
        assert!(is_now(&peak, SECOND, 0, Some("peak")) && !is_now(&peak, SECOND, 0, Some("ebb")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_is_met_when_it_comes_and_given_up_when_all_is_to_be_undone() {
        let (faults, stop) = (Faults::new(1), CancellationToken::new());
        let began = tokio::time::Instant::now();
        assert!(has_come(&Moment::At(SECOND), &faults, &stop).await);
        assert!(began.elapsed() >= SECOND && began.elapsed() <= SECOND + TICK, "{:?}", began.elapsed());
        stop.cancel();
        assert!(!has_come(&Moment::AfterSales(1), &faults, &stop).await);
    }
}
