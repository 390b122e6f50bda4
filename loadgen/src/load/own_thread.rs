//! The load on a thread of its own, away from the taps: what they forward does not make a buyer late, and buyers do not wake each other's threads.
//!
//! One thread suffices: a request costs it tens of microseconds. Passing tasks between threads would cost more than they do.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{LoadError, LoadInput, LoadReport, run};

/// [`run`], on a thread and a runtime of its own. Dropping the future ends the load there, wherever it is.
///
/// # Errors
/// [`LoadError`].
pub async fn run_on_own_thread(input: LoadInput<'_>) -> Result<LoadReport, LoadError> {
    let abandoned = CancellationToken::new();
    let _abandons = abandoned.clone().drop_guard();
    let (tell, told) = oneshot::channel();
    let plan = input.plan.clone();
    let LoadInput { part, begin, target, recorder, clock, progress, stop, faults, .. } = input;
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let loaded = match runtime {
            Err(error) => Some(Err(LoadError::Thread(error.to_string()))),
            Ok(runtime) => runtime.block_on(async {
                let input = LoadInput { plan: &plan, part, begin, target, recorder, clock, progress, stop, faults };
                tokio::select! {
                    loaded = run(input) => Some(loaded),
                    () = abandoned.cancelled() => None,
                }
            }),
        };
        // Nobody listens when it was abandoned.
        loaded.map(|loaded| tell.send(loaded))
    };
    std::thread::Builder::new().name("load".to_owned()).spawn(work).map_err(|error| LoadError::Thread(error.to_string()))?;
    told.await.unwrap_or_else(|_| Err(LoadError::Thread("it ended with a panic".to_owned())))
}
