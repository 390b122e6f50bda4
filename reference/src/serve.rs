//! One process of the pipeline: binds its listeners, starts its roles so that each finds what it needs, says that it is ready, and ends
//! in an orderly way.
//!
//! * [`listeners`] — bound first, so that a busy port is found out before anything has happened
//! * `wiring` — what each role is given
//! * `crew` — the roles at work
//! * [`ready`] — what is said when all is up
//! * [`ending`] — what asks a process to end

mod crew;
pub mod ending;
pub mod listeners;
mod patience;
pub mod ready;
mod wiring;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::WallClock;
use crate::config::role::Role;
use crate::config::{ReadyFormat, ServeSettings};
use crate::store::Store;
use crate::telemetry::admin::Admin;
#[cfg(feature = "otel")]
use crate::trace;
use crate::whereabouts::{self, Posted, Whereabouts};

use crew::{Crew, Ended};
use listeners::{BindError, Listeners};
use ready::Ready;
pub use wiring::WiringError;

/// Why a process cannot serve, or serves no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data folder cannot be made.
    #[error("cannot make the data folder {path}; choose another with --data")]
    DataFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A role cannot be started.
    #[error("cannot start the role `{role}`")]
    Start {
        /// Which.
        role: Role,
        /// Why.
        source: WiringError,
    },
    /// A role ended unasked.
    #[error("the role `{role}` ended unasked: {how}; the log before this line says what led to it")]
    RoleEnded {
        /// Which.
        role: Role,
        /// How.
        how: String,
    },
    /// The operating system refuses something basic.
    #[error("cannot {what}; the operating system refuses it")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// A process whose roles are all up.
#[derive(Debug)]
pub struct Running {
    ready: Ready,
    crew: Crew,
    admin: Admin,
    admin_stop: CancellationToken,
    site: Option<JoinHandle<()>>,
    store: Option<Store>,
    grace: Duration,
    posted: Option<Posted>,
}

/// Serves until a signal (or the parent's end, where asked for) and ends in an orderly way. `program` is how the user calls this program.
///
/// # Errors
/// [`ServeError`] when it cannot start, or when a role dies.
pub async fn run(settings: ServeSettings, program: &str) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let system = |what| move |source| ServeError::System { what, source };
    ending::on_signals(stop.clone()).map_err(system("listen for signals"))?;
    if settings.exit_with_parent {
        ending::with_parent(stop.clone()).map_err(system("watch the parent process"))?;
    }
    #[cfg(feature = "otel")]
    trace::export::start(&service(&settings.roles), |name| std::env::var(name).ok())?;
    let format = settings.ready;
    let _unasked = UnaskedFolder::of(&settings);
    // Whoever waits for an endpoint that does not come can be ended all the same.
    let running = tokio::select! {
        running = start(settings) => running?,
        () = stop.cancelled() => return Ok(()),
    };
    announce(&running, format, program).map_err(system("write to standard output"))?;
    let ended = running.until(stop).await;
    #[cfg(feature = "otel")]
    trace::export::flush().await;
    Ok(ended?)
}

/// How a collector of traces knows this process.
#[cfg(feature = "otel")]
fn service(roles: &[Role]) -> String {
    match roles {
        [role] => format!("rushproof-{role}"),
        _ => "rushproof".to_owned(),
    }
}

/// Starts all roles of a process.
///
/// # Errors
/// [`ServeError`] naming the role, the address or the folder that stands in the way.
pub async fn start(settings: ServeSettings) -> Result<Running, ServeError> {
    let listeners = Listeners::bind(&settings).await?;
    make_data_folder(&settings)?;
    let addresses = listeners.addresses().map_err(|source| ServeError::System { what: "read a listener's address", source })?;
    let ready = Ready {
        ready: true,
        pid: std::process::id(),
        roles: settings.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        addresses: addresses.into_iter().map(|(role, address)| (role.to_owned(), address)).collect(),
        edition: settings.pipeline.edition.name,
        data: settings.pipeline.data.path.clone(),
        clock_us: WallClock::system().micros(),
    };
    let grace = settings.grace;
    let wired = wiring::wire(&settings, listeners, &ready).await?;
    // A shop is where the broker is: that is what others have to find.
    let posted = settings.plays(Role::Broker).then(|| {
        let shop = Whereabouts::of(ready.clone(), &settings.pipeline.database_url);
        shop.post(!settings.pipeline.data.named, &whereabouts::user_folders())
    });
    Ok(Running {
        ready,
        crew: wired.crew,
        admin: wired.admin,
        admin_stop: wired.admin_stop,
        site: wired.site,
        store: wired.store,
        grace,
        posted,
    })
}

impl Running {
    /// Where everything is.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The words after the program's name that show where everything stands; none when they would not find this process.
    #[must_use]
    pub fn status_words(&self) -> Option<String> {
        self.posted.as_ref().and_then(Posted::selector).map(|selector| format!("status{selector}"))
    }

    /// The store, where a role of this process needs one.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Serves until `stop`, then finishes what was taken, within the grace period.
    ///
    /// # Errors
    /// [`ServeError::RoleEnded`] when a role dies first; the others are ended in an orderly way all the same.
    pub async fn until(mut self, stop: CancellationToken) -> Result<(), ServeError> {
        let dead = tokio::select! {
            () = stop.cancelled() => None,
            (role, ended) = self.crew.next_end() => Some((role, ended)),
        };
        // Nobody shall find a shop that is closing.
        self.posted = None;
        self.admin.ending();
        let cut_off = self.crew.end(self.grace).await;
        if !cut_off.is_empty() {
            let roles = cut_off.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
            tracing::warn!(roles, grace = ?self.grace, "cut off: not done within the grace period; whatever they had taken will be delivered again");
        }
        if let Some(store) = &self.store {
            store.close().await;
        }
        self.admin_stop.cancel();
        if let Some(site) = self.site.take() {
            // It holds the broker, whose folder shall be free when this returns. It ends within the drain timeout of its listener.
            let _ = site.await;
        }
        match dead {
            None => Ok(()),
            Some((role, Ended::Returned)) => Err(ServeError::RoleEnded { role, how: "it returned".to_owned() }),
            Some((role, Ended::Failed(how) | Ended::Panicked(how))) => Err(ServeError::RoleEnded { role, how }),
        }
    }
}

/// A folder for data that nobody asked for: where nothing came into it, it goes again. What holds a shop stays.
struct UnaskedFolder(Option<PathBuf>);

impl UnaskedFolder {
    fn of(settings: &ServeSettings) -> Self {
        let data = &settings.pipeline.data;
        Self((!data.named).then(|| data.path.clone()))
    }
}

impl Drop for UnaskedFolder {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Removes what is empty and nothing else; it may never have been made.
            let _ = std::fs::remove_dir(path);
        }
    }
}

fn make_data_folder(settings: &ServeSettings) -> Result<(), ServeError> {
    use std::os::unix::fs::DirBuilderExt;
    let path = &settings.pipeline.data.path;
    // Orders and tokens are nobody else's business on a shared machine.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ServeError::DataFolder { path: path.clone(), source })
}

fn announce(running: &Running, format: ReadyFormat, program: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        ReadyFormat::Human => {
            let status = running.status_words().map(|words| format!("{program} {words}"));
            writeln!(out, "{}", running.ready.for_a_person(status.as_deref()))?;
        }
        ReadyFormat::Json => writeln!(out, "{}", running.ready.to_json())?,
    }
    out.flush()
}
