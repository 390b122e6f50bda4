//! Finding the shop that a command means, when nobody names its endpoint.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{FILE, Whereabouts, entries, is_own};
use crate::config::args::PipelineArgs;
use crate::config::database::{self, Env};

/// Variables of which one is enough to name another place than a shop on this machine.
const ENDPOINTS: [&str; 5] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL_SES"];
/// Entries that are looked at: each may cost the time of a connection.
const MOST_ENTRIES: usize = 32;

/// What a look came to.
#[derive(Debug)]
pub enum Look {
    /// The user named the endpoint.
    Named,
    /// A shop runs.
    Found {
        /// Where.
        shop: Box<Whereabouts>,
        /// How many others run, where nobody chose this one.
        others: usize,
    },
    /// None runs.
    Nowhere(NoShop),
}

/// There is neither a running shop nor an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{why}: start one with `serve`, and choose among several with --data DIR (REFERENCE_DATA); or name the endpoint with AWS_ENDPOINT_URL and the database with --data DIR or DATABASE_URL"
)]
pub struct NoShop {
    /// Where it was looked for.
    pub why: String,
}

impl Look {
    /// Looks for the shop that the arguments mean: none when a variable names the endpoint, else that of `--data`, else the newest of this user.
    #[must_use]
    pub fn for_args(args: &PipelineArgs, env: Env<'_>, user_folders: &[PathBuf]) -> Self {
        if ENDPOINTS.iter().any(|name| env(name).is_some_and(|value| !value.trim().is_empty())) {
            return Look::Named;
        }
        match &args.data {
            Some(data) => in_folder(data),
            None => newest(user_folders),
        }
    }

    /// The arguments, completed by what is known of the shop. Whatever the user said stays.
    #[must_use]
    pub fn complete(&self, mut args: PipelineArgs, env: Env<'_>) -> PipelineArgs {
        if let Look::Found { shop, .. } = self {
            args.edition.get_or_insert_with(|| shop.ready.edition.to_string());
            args.data.get_or_insert_with(|| shop.ready.data.clone());
            let given = args.database_url.as_deref().is_some_and(|url| !url.is_empty());
            // The course's four variables are the user's word too.
            if !given && !database::is_named(env) {
                args.database_url = Some(shop.database_url.clone());
            }
        }
        args
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Look::Named => write!(f, "the endpoint that was named"),
            Look::Nowhere(none) => none.fmt(f),
            Look::Found { shop, others } => {
                let ready = &shop.ready;
                write!(f, "the shop in {} (edition {}, process {})", ready.data.display(), ready.edition, ready.pid)?;
                match others {
                    0 => Ok(()),
                    n => write!(f, ", the newest of {} that run; --data DIR chooses another", n + 1),
                }
            }
        }
    }
}

fn in_folder(data: &Path) -> Look {
    let nowhere = |why| Look::Nowhere(NoShop { why });
    let file = data.join(FILE);
    match Whereabouts::read(&file) {
        Ok(shop) if shop.answers() => Look::Found { shop: Box::new(shop), others: 0 },
        Ok(shop) => nowhere(format!("the shop in {} (process {}) does not answer any more", data.display(), shop.ready.pid)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => nowhere(format!("no shop runs in {}", data.display())),
        Err(error) => nowhere(format!("cannot read {} ({error})", file.display())),
    }
}

fn newest(user_folders: &[PathBuf]) -> Look {
    let mut files: Vec<_> = user_folders.iter().filter(|folder| is_own(folder)).flat_map(|folder| entries(folder)).collect();
    files.sort_unstable_by(|one, other| other.file_name().cmp(&one.file_name()));
    files.truncate(MOST_ENTRIES);
    let mut running = files.iter().filter_map(|file| Whereabouts::read(file).ok()).filter(Whereabouts::answers);
    match running.next() {
        Some(shop) => Look::Found { shop: Box::new(shop), others: running.count() },
        None => Look::Nowhere(NoShop { why: "no shop of yours runs on this machine in a folder that `serve` chose".to_owned() }),
    }
}
