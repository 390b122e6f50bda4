//! The commands that only speak to the messaging endpoint and the database: provision, redrive, status.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::print;
use crate::config::PipelineSettings;
use crate::config::args::PipelineArgs;
use crate::config::database::Env;
use crate::config::problems::Problems;
use crate::messaging::provision::{ProvisionOptions, Provisioned};
use crate::messaging::{Aws, AwsConfig};
use crate::status::{Probes, WatchedQueue};
use crate::store::{Store, StoreOptions};
use crate::whereabouts::look::Look;
use crate::whereabouts::user_folders;

/// How long `redrive` waits for the endpoint to move everything.
const REDRIVE_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long `status` waits for each part.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// The pipeline that a command is about: what the user said, and the running shop where that says nothing.
#[derive(Debug)]
pub(super) struct Target {
    settings: PipelineSettings,
    look: Look,
}

impl Target {
    pub(super) fn find(args: PipelineArgs, env: Env<'_>) -> Result<Self, Problems> {
        let look = Look::for_args(&args, env, &user_folders());
        let settings = PipelineSettings::check(&look.complete(args, env), env)?;
        Ok(Self { settings, look })
    }

    /// The messaging endpoint. Which shop that is, where nobody named one, is said on standard error: it is not always the one that is meant.
    fn endpoint(&self) -> anyhow::Result<Aws> {
        let variables = || AwsConfig::from_process().context("the messaging endpoint is given by the AWS SDK's own variables");
        let config = match &self.look {
            Look::Named => variables()?,
            Look::Found { shop, .. } => {
                // A closed standard error leaves nobody to tell.
                drop(writeln!(std::io::stderr(), "{}", self.look));
                AwsConfig::local(shop.broker())
            }
            // With TLS, region and credentials without an endpoint mean AWS itself.
            Look::Nowhere(none) if cfg!(feature = "aws-tls") => variables().map_err(|_| none.clone())?,
            Look::Nowhere(none) => return Err(none.clone().into()),
        };
        Ok(Aws::new(&config)?)
    }
}

/// Creates what is missing and says what it did.
pub(super) async fn provision(target: &Target) -> anyhow::Result<()> {
    let settings = &target.settings;
    let done = target.endpoint()?.provision(&settings.topology(), &ProvisionOptions::default()).await?;
    for line in &done.changes {
        print(line)?;
    }
    for line in &done.left_out {
        print(&format!("left out: {line}"))?;
    }
    if done.changes.is_empty() {
        print("everything was there already")?;
    }
    for (name, arn) in &done.topic_arns {
        print(&format!("topic  {name}  {arn}"))?;
    }
    for (name, url) in done.queue_urls.iter().chain(&done.dlq_urls) {
        print(&format!("queue  {name}  {url}"))?;
    }
    Ok(())
}

/// Moves a queue's dead letters back.
pub(super) async fn redrive(target: &Target, name: &str) -> anyhow::Result<()> {
    let settings = &target.settings;
    let topology = settings.topology();
    let Some(spec) = topology.queues.iter().find(|queue| queue.name == name || queue.dlq == name) else {
        let known: Vec<_> = topology.queues.iter().map(|queue| queue.name.as_str()).collect();
        bail!("edition {} has no queue {name:?}; there are: {}", settings.edition.name, known.join(", "));
    };
    let aws = target.endpoint()?;
    let there = resolve(&aws, settings).await?;
    let (queue, dlq) = (there.queue(&aws, &spec.name)?, there.queue(&aws, &spec.dlq)?);
    let done = dlq.redrive_to(&queue, REDRIVE_PATIENCE).await?;
    print(&format!("{} messages moved from {} to {}", done.moved, spec.dlq, spec.name))
}

/// Shows where everything stands.
pub(super) async fn status(target: &Target, json: bool) -> anyhow::Result<()> {
    let settings = &target.settings;
    let aws = target.endpoint()?;
    let there = resolve(&aws, settings).await?;
    let store = open_existing(settings).await?;
    let probes = Probes { store: Some(store.clone()), queues: watched(&aws, &there, settings)? };
    let status = probes.look(LOOK_LIMIT).await;
    store.close().await;
    let status = status?;
    print(&if json { serde_json::to_string_pretty(&status)? } else { status.to_string() })
}

/// Every queue of the topology with its dead-letter queue.
fn watched(aws: &Aws, there: &Provisioned, settings: &PipelineSettings) -> anyhow::Result<Vec<WatchedQueue>> {
    let pair = |spec: &crate::edition::topology::QueueSpec| {
        Ok(WatchedQueue { queue: there.queue(aws, &spec.name)?, dlq: there.queue(aws, &spec.dlq)? })
    };
    settings.topology().queues.iter().map(pair).collect()
}

async fn resolve(aws: &Aws, settings: &PipelineSettings) -> anyhow::Result<Provisioned> {
    let known: BTreeMap<_, _> = settings.known_topic_arns();
    Ok(aws.resolve_with(&settings.topology(), &known).await?)
}

/// Opens the database of a running pipeline. Creating an empty one here would only hide a wrong path.
async fn open_existing(settings: &PipelineSettings) -> anyhow::Result<Store> {
    let url = &settings.database_url;
    if let Some(file) = url.strip_prefix("sqlite://") {
        let file = file.split('?').next().unwrap_or(file);
        ensure!(
            Path::new(file).is_file(),
            "there is no database at {file}; name the pipeline's with --data DIR (REFERENCE_DATA) or DATABASE_URL"
        );
    }
    Ok(Store::open(url, StoreOptions::new(settings.edition)).await?)
}
