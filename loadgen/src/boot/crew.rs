//! The processes of the pipeline, each in its seat: it can be killed, paused, ended and started again, and comes back where it was.
//!
//! A process that comes back listens on the ports that it had before, because everybody who knows its address (the other roles, the taps,
//! the observers of the harness) knows that one. While it is away its ports are kept, so that connecting is refused and nobody else gets
//! them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chaos::port::KeptPort;
use chaos::process::Paused;
use tokio::sync::{MutexGuard, watch};

use super::role::{Ended, Role, RoleCommand, RoleError, UnaskedEnd};
use crate::history::writer::Recorder;

/// All processes, in the order in which they were started. A clone is the same crew. When the last clone is dropped, every process ends.
#[derive(Debug, Clone)]
pub struct Crew {
    recorder: Recorder,
    tell: watch::Sender<Option<UnaskedEnd>>,
    members: Arc<Mutex<Vec<Arc<Member>>>>,
}

/// One process, whoever it is at the moment.
#[derive(Debug)]
pub struct Member {
    name: String,
    /// Process id of the last who sat there.
    pid: Arc<AtomicU32>,
    /// Where its administration listens, and will listen again.
    admin: Option<String>,
    seat: tokio::sync::Mutex<Seat>,
}

/// Where a process sits. Whoever holds it decides alone what happens to the process.
#[derive(Debug)]
pub struct Seat {
    command: RoleCommand,
    recorder: Recorder,
    tell: watch::Sender<Option<UnaskedEnd>>,
    /// Where its listeners stand, and where they will stand again.
    addresses: BTreeMap<String, String>,
    pid: Arc<AtomicU32>,
    role: Option<Role>,
    kept: Vec<KeptPort>,
}

impl Crew {
    /// Nobody yet.
    #[must_use]
    pub fn new(recorder: &Recorder) -> Self {
        Self { recorder: recorder.clone(), tell: watch::Sender::new(None), members: Arc::default() }
    }

    /// Starts a process and waits until it is ready. Returns where its listeners stand.
    ///
    /// # Errors
    /// [`RoleError`], naming the role and quoting its log.
    pub async fn hire(&self, command: RoleCommand) -> Result<BTreeMap<String, String>, RoleError> {
        let role = Role::start(&command, &self.recorder, self.tell.clone()).await?;
        let (name, pid, addresses) = (command.name.clone(), Arc::new(AtomicU32::new(role.pid())), role.addresses().clone());
        let seat = Seat {
            command,
            recorder: self.recorder.clone(),
            tell: self.tell.clone(),
            addresses: addresses.clone(),
            pid: Arc::clone(&pid),
            role: Some(role),
            kept: Vec::new(),
        };
        let admin = addresses.get("admin").cloned();
        let member = Member { name, pid, admin, seat: tokio::sync::Mutex::new(seat) };
        self.members.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(member));
        Ok(addresses)
    }

    /// The process of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.all().into_iter().find(|member| member.name == name)
    }

    /// Process ids of all.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.all().iter().map(|member| member.pid.load(Ordering::Relaxed)).collect()
    }

    /// Name and process id of each, and where its administration listens.
    #[must_use]
    pub fn seats(&self) -> Vec<(String, u32, Option<String>)> {
        let seat = |member: &Arc<Member>| (member.name.clone(), member.pid.load(Ordering::Relaxed), member.admin.clone());
        self.all().iter().map(seat).collect()
    }

    /// The first process that ended without being asked, when one has. The receiver changes at that moment.
    #[must_use]
    pub fn unasked(&self) -> watch::Receiver<Option<UnaskedEnd>> {
        self.tell.subscribe()
    }

    /// Ends all of them, the last that was started first; each finishes what it took.
    pub async fn stop(self) {
        for member in self.all().into_iter().rev() {
            let mut seat = member.seat.lock().await;
            if let Some(role) = seat.role.take() {
                role.stop().await;
            }
        }
    }

    fn all(&self) -> Vec<Arc<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Member {
    /// Its name in this run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes its seat, when nobody else has it: what is done to one process is done one after the other.
    pub async fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().await
    }
}

impl Seat {
    /// Who sits there.
    ///
    /// # Errors
    /// [`RoleError::Gone`] when nobody does.
    pub fn role(&self) -> Result<&Role, RoleError> {
        self.role.as_ref().ok_or_else(|| self.gone())
    }

    /// Ends the process at once, and returns when it is gone. Nobody gets its ports until it is started again.
    ///
    /// # Errors
    /// [`RoleError::Gone`] when nobody sits there.
    pub async fn kill(&mut self) -> Result<Ended, RoleError> {
        let role = self.role.take().ok_or_else(|| self.gone())?;
        let ended = role.kill().await;
        self.keep_ports().await;
        Ok(ended)
    }

    /// Asks the process to end, and returns when it is gone.
    ///
    /// # Errors
    /// [`RoleError::Gone`] when nobody sits there.
    pub async fn end(&mut self) -> Result<Ended, RoleError> {
        let role = self.role.take().ok_or_else(|| self.gone())?;
        let ended = role.stop().await;
        self.keep_ports().await;
        Ok(ended)
    }

    /// Waits until the process ends by itself, which must have been expected.
    ///
    /// # Errors
    /// [`RoleError::Gone`] when nobody sits there.
    pub async fn ends(&mut self) -> Result<Ended, RoleError> {
        let ended = self.role()?.ended().await;
        self.role = None;
        self.keep_ports().await;
        Ok(ended)
    }

    /// Stops the process where it stands until the guard is dropped.
    ///
    /// # Errors
    /// [`RoleError`] when it is gone.
    pub async fn pause(&self) -> Result<Paused, RoleError> {
        self.role()?.pause().await
    }

    /// Starts the process where it was, and waits until it is ready.
    ///
    /// # Errors
    /// [`RoleError`] when it does not come up.
    pub async fn start(&mut self) -> Result<&Role, RoleError> {
        self.start_so(self.command.clone()).await
    }

    /// Starts it with a variable beside its own. `ends` says that its end is wanted, whenever it comes.
    ///
    /// # Errors
    /// [`RoleError`] when it does not come up.
    pub async fn start_with(&mut self, name: &str, value: String, ends: bool) -> Result<&Role, RoleError> {
        let mut command = RoleCommand { ends, ..self.command.clone() };
        command.env.push((name.to_owned(), value));
        self.start_so(command).await
    }

    async fn start_so(&mut self, mut command: RoleCommand) -> Result<&Role, RoleError> {
        command.args.extend(self.addresses.iter().flat_map(|(listener, url)| [format!("--listen-{listener}"), authority(url).to_owned()]));
        let role = Role::start(&command, &self.recorder, self.tell.clone()).await?;
        self.pid.store(role.pid(), Ordering::Relaxed);
        self.kept.clear();
        Ok(self.role.insert(role))
    }

    /// Where its listeners stand, and where they will stand again.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<String, String> {
        &self.addresses
    }

    /// Whether somebody sits there.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.role.is_some()
    }

    async fn keep_ports(&mut self) {
        for address in self.addresses.values().filter_map(|url| authority(url).parse::<SocketAddr>().ok()) {
            match KeptPort::keep(address).await {
                Ok(kept) => self.kept.push(kept),
                // Then the process has to be lucky when it comes back; when it is not, it says so.
                Err(error) => tracing::warn!(%error, %address, "the port of a process that is away cannot be kept"),
            }
        }
    }

    fn gone(&self) -> RoleError {
        RoleError::Gone { role: self.command.name.clone() }
    }
}

/// Host and port of a base URL.
fn authority(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url)
}
