//! A tap as a program.
//!
//! Exit codes: 0 it was told to end, healed, and let everything finish · 1 something was left, or it could not run · 2 usage, which
//! includes a plan with mistakes.

mod journal;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::journal::Journal;
use crate::catalogue;
use crate::decision::TapKind;
use crate::faults::Faults;
use crate::observe::{Extractor, Ids, Sighting};
use crate::plan::Plan;
use crate::tap::{self, Hop, Tap, TapError, Upstream, is_loopback};

/// How long healing and draining may take each.
const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy that does to requests, messages and connections what a plan says.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to forward to, as host:port or http://host:port.
    #[arg(long, value_name = "URL", required_unless_present = "catalogue")]
    upstream: Option<String>,
    /// The rules; without them everything passes.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Name of this hop, as rules select it.
    #[arg(long, value_name = "NAME", default_value = "hop")]
    hop: String,
    /// What passes here.
    #[arg(long, value_enum, default_value_t = Kind::Http)]
    kind: Kind,
    /// Seed of the decisions.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Name of the header or message attribute with the business id.
    #[arg(long, value_name = "NAME", default_value = "idempotency-key")]
    id: String,
    /// Phase that rules may ask for.
    #[arg(long, value_name = "NAME")]
    phase: Option<String>,
    /// A host beyond loopback that may be listened on or forwarded to; repeatable.
    #[arg(long, value_name = "HOST")]
    allow_remote: Vec<String>,
    /// Write what passes and what strikes to stdout, one JSON object a line.
    #[arg(long)]
    journal: bool,
    /// Print every fault there is, as Markdown, and end.
    #[arg(long)]
    catalogue: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Http,
    Aws,
    Tcp,
}

impl From<Kind> for TapKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Http => Self::Http,
            Kind::Aws => Self::Aws,
            Kind::Tcp => Self::Tcp,
        }
    }
}

/// What the arguments come to, checked.
struct Setup {
    args: Args,
    upstream: Upstream,
    plan: Plan,
}

/// The command line, for whoever checks one without running it.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the program with these arguments, the first of which is its name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let setup = match Args::try_parse_from(args).and_then(check) {
        Ok(Some(setup)) => setup,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to say when even that cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN).init();
    match serve(setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All that can be wrong with the arguments, each by its flag. None when all is done already.
fn check(args: Args) -> Result<Option<Setup>, clap::Error> {
    let wrong = |message: String| Args::command().error(ErrorKind::ValueValidation, message);
    if args.catalogue {
        let printed = io::stdout().write_all(catalogue::markdown().as_bytes());
        return printed.map(|()| None).map_err(|error| wrong(format!("--catalogue: {error}")));
    }
    let upstream = args.upstream.as_deref().unwrap_or_default();
    let upstream = Upstream::parse(upstream).map_err(|error| wrong(format!("--upstream: {error}")))?;
    for (flag, host) in [("--listen", args.listen.ip().to_string()), ("--upstream", upstream.host().to_owned())] {
        if !is_loopback(&host) && !args.allow_remote.contains(&host) {
            return Err(wrong(format!("{flag}: {host} is not loopback; if you mean it, add --allow-remote {host}")));
        }
    }
    let plan = match &args.plan {
        Some(path) => Plan::load(path).map_err(|error| wrong(format!("--plan: {}", with_causes(&error))))?,
        None => Plan::default(),
    };
    let kind = TapKind::from(args.kind);
    let beyond: Vec<String> = plan.beyond(kind).map(|rule| format!("{:?} ({})", &*rule.name, rule.fault.name())).collect();
    if !beyond.is_empty() {
        return Err(wrong(format!("--plan: a tap of --kind {} cannot do {}; see --catalogue", kind.name(), beyond.join(", "))));
    }
    if let Some(incident) = plan.incidents.first() {
        let (name, word) = (&incident.name, incident.word());
        return Err(wrong(format!("--plan: \"{name}\" ({word}) needs whoever owns the processes; one tap alone does rules only")));
    }
    Ok(Some(Setup { args, upstream, plan }))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[tokio::main]
async fn serve(setup: Setup) -> anyhow::Result<()> {
    let Setup { args, upstream, plan } = setup;
    // Before anything is said, so that whoever reads where it listens can end it.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("--listen: cannot listen on {}", args.listen))?;
    let faults = Faults::new(args.seed);
    faults.set_phase(args.phase.as_deref());
    let (journal, observer) = Journal::start(args.journal, faults.clone());
    let hop = Hop::new(&args.hop, faults.clone()).observed_by(observer).identified_by(extractor(args.id.clone()));
    let guard = faults.install(plan.rules);
    let tap = start(args.kind, listener, &upstream, hop)?;
    journal.listening(tap.address(), &upstream)?;
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
        () = journal.gone() => (),
    }
    let healed = faults.heal(PATIENCE).await;
    let stopped = tap.stop(PATIENCE).await;
    drop(guard);
    journal.end().await;
    healed?;
    stopped?;
    Ok(())
}

fn start(kind: Kind, listener: TcpListener, upstream: &Upstream, hop: Hop) -> Result<Tap, TapError> {
    match kind {
        Kind::Http => tap::http::start(listener, upstream, hop),
        Kind::Aws => tap::aws::start(listener, upstream, hop),
        Kind::Tcp => tap::tcp::start(listener, upstream, hop),
    }
}

/// The business id stands in a message attribute, or else in a header, of this name.
fn extractor(name: String) -> Extractor {
    Arc::new(move |sighting: &Sighting<'_>| {
        let attribute = sighting.attributes.iter().find(|(attribute, _)| *attribute == name).map(|(_, value)| value.as_str());
        let header = || sighting.headers.get(&name).and_then(|value| value.to_str().ok());
        attribute.or_else(header).map(|value| Ids::one(&name, value)).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(args: &[&str]) -> String {
        let args = std::iter::once("chaos").chain(args.iter().copied());
        match Args::try_parse_from(args).and_then(check) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        }
    }

    #[test]
    fn nothing_beyond_loopback_is_touched_unless_allowed_by_name() {
        let error = refused(&["--upstream", "http://shop.example:80"]);
        assert!(error.contains("--upstream: shop.example is not loopback; if you mean it, add --allow-remote shop.example"), "{error}");
        let error = refused(&["--listen", "0.0.0.0:80", "--upstream", "localhost:1", "--allow-remote", "shop.example"]);
        assert!(error.contains("--listen: 0.0.0.0 is not loopback"), "{error}");
        let allowed = ["chaos", "--upstream", "http://shop.example:80", "--allow-remote", "shop.example"];
        assert!(Args::try_parse_from(allowed).and_then(check).is_ok());
    }

    #[test]
    fn a_mistake_names_its_flag() {
        assert!(refused(&["--upstream", "nowhere"]).contains("--upstream: \"nowhere\" is no upstream"));
        assert!(
            refused(&["--upstream", "localhost:1", "--plan", "/no/plan.toml"])
                .contains("--plan: cannot read the plan /no/plan.toml (give the path of a TOML file that you may read): ")
        );
        assert!(refused(&[]).contains("--upstream"));
    }

    #[test]
    fn an_incident_is_beyond_a_tap() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        std::fs::write(&plan, "rule = [{ name = \"x\", fault = \"restart\", role = \"sales\", from = \"1s\" }]").unwrap();
        let error = refused(&["--upstream", "localhost:1", "--plan", plan.to_str().unwrap()]);
        assert!(error.contains("--plan: \"x\" (restart) needs whoever owns the processes"), "{error}");
    }

    #[test]
    fn a_rule_that_the_tap_cannot_do_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        std::fs::write(&plan, "rule = [{ name = \"x\", fault = \"throttle\" }]").unwrap();
        let error = refused(&["--upstream", "localhost:1", "--plan", plan.to_str().unwrap()]);
        assert!(error.contains("--plan: a tap of --kind http cannot do \"x\" (throttle)"), "{error}");
    }
}
