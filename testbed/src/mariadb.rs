//! A MariaDB server of one's own.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos::port::KeptPort;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;

use crate::folder::in_memory;

/// How long a server may take until it answers, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const USER: &str = "shop";

/// Room that a server's folder needs in memory; where there is less, it is put on the disk.
const FOLDER_BYTES: u64 = 512 * 1024 * 1024;

/// Runs the server until standard input ends, which it does when the process that holds the other end does, however it does; then ends the
/// server and removes its folder. `$1` is the folder, the rest the server's command line.
const KEEPER: &str =
    r#"folder=$1; shift; "$@" </dev/null & server=$!; cat >/dev/null; kill -9 "$server"; wait "$server"; rm -rf "$folder""#;

/// What the server does with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Keeps it in memory: fast, and gone with the machine (but not with a process that is killed). For tests.
    InMemory,
    /// Flushes it to the disk before it answers, as a shop's server must. For measurements.
    OnDisk,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum MariaDbError {
    /// It is not installed.
    #[error(
        "{program} is not installed, and these tests are not skipped without it: apt-get install --no-install-recommends mariadb-server"
    )]
    Missing {
        /// What was looked for.
        program: &'static str,
    },
    /// The system did not let us.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// It ended, or never answered.
    #[error("{what}: {detail}")]
    Failed {
        /// What did not happen.
        what: &'static str,
        /// The end of its log, or what the driver says.
        detail: String,
    },
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct MariaDb {
    keeper: Child,
    port: u16,
    /// Nobody else gets it while the server starts.
    _kept: KeptPort,
    password: String,
    databases: AtomicU64,
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Its input ends here, and so does what it keeps.
        drop(self.keeper.stdin.take());
        // The keeper is our own child; an error means that it is gone already.
        let _ = self.keeper.wait();
    }
}

impl MariaDb {
    /// The one server of this process, in memory.
    ///
    /// # Panics
    /// When it cannot be started: a test that needs it fails, and says how to install it.
    pub async fn shared() -> &'static MariaDb {
        static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                match MariaDb::start(Keeping::InMemory).await {
                    Ok(server) => server,
                    Err(error) => panic!("no MariaDB for these tests: {error}"),
                }
            })
            .await
    }

    /// Whether a server is installed.
    #[must_use]
    pub fn is_installed() -> bool {
        program("mariadbd").is_ok() && program("mariadb-install-db").is_ok()
    }

    /// Starts a server of its own and waits until it answers.
    ///
    /// # Errors
    /// [`MariaDbError`].
    pub async fn start(keeping: Keeping) -> Result<Self, MariaDbError> {
        let (server, installer) = (program("mariadbd")?, program("mariadb-install-db")?);
        let folder = folder(keeping)?;
        install(&installer, folder.path(), keeping)?;
        let password = Uuid::new_v4().simple().to_string();
        let accounts = format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO '{USER}'@'%';\n");
        std::fs::write(folder.path().join("accounts.sql"), accounts).map_err(system("write a file of the server's"))?;
        let kept = KeptPort::any().map_err(system("find a free port"))?;
        let port = kept.address().map_err(system("find a free port"))?.port();
        let log = folder.path().join("server.log");
        // From here on the keeper removes the folder.
        let folder = folder.keep();
        let keeper = keep(&server, &folder, port, keeping)?;
        let mut started = Self { keeper, port, _kept: kept, password, databases: AtomicU64::new(0) };
        started.answers(&log).await?;
        Ok(started)
    }

    /// Waits until it answers.
    async fn answers(&mut self, log: &Path) -> Result<(), MariaDbError> {
        let since = Instant::now();
        loop {
            let refused = match self.connect("").await {
                Ok(connection) => {
                    // It answered, which is all that was asked.
                    let _ = connection.close().await;
                    return Ok(());
                }
                Err(error) => error.to_string(),
            };
            let log = || std::fs::read_to_string(log).unwrap_or_default();
            if log().contains("Aborting") {
                return Err(MariaDbError::Failed { what: "MariaDB ended while it started", detail: tail(&log()) });
            }
            if since.elapsed() > START {
                let detail = format!("{refused}; its log ends: {}", tail(&log()));
                return Err(MariaDbError::Failed { what: "MariaDB did not answer in time", detail });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The URL of a database of this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// A connection to a database of this server; to none with an empty name.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn connect(&self, database: &str) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnection::connect(&self.url(database)).await
    }

    /// Makes an empty database and answers its name. It ends with the server.
    ///
    /// # Panics
    /// When the server does not do it.
    pub async fn fresh_database(&self) -> String {
        let name = format!("shop_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = async {
            let mut connection = self.connect("").await?;
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
            connection.close().await
        };
        match made.await {
            Ok(()) => name,
            Err(error) => panic!("the private MariaDB makes no database {name}: {error}"),
        }
    }
}

/// Debian has the server outside of an ordinary user's path.
fn program(name: &'static str) -> Result<PathBuf, MariaDbError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/bin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file()).ok_or(MariaDbError::Missing { program: name })
}

fn folder(keeping: Keeping) -> Result<TempDir, MariaDbError> {
    const PREFIX: &str = "testbed-mariadb-";
    let made = match keeping {
        Keeping::InMemory => in_memory(PREFIX, FOLDER_BYTES),
        Keeping::OnDisk => tempfile::Builder::new().prefix(PREFIX).tempdir(),
    };
    made.map_err(system("make a folder for MariaDB"))
}

/// What the server is told, whoever starts it.
fn options(keeping: Keeping) -> Vec<&'static str> {
    let mut options = vec![
        "--innodb-log-file-size=48M",
        "--innodb-buffer-pool-size=128M",
        "--skip-log-bin",
        "--performance-schema=OFF",
        "--skip-name-resolve",
        "--max-connections=600",
    ];
    if keeping == Keeping::InMemory {
        options.extend(["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0"]);
    }
    options
}

fn install(installer: &Path, folder: &Path, keeping: Keeping) -> Result<(), MariaDbError> {
    let mut command = Command::new(installer);
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]).args(options(keeping));
    command.arg(format!("--datadir={}", folder.join("data").display())).args(as_root());
    let done = command.stdin(Stdio::null()).output().map_err(system("run mariadb-install-db"))?;
    if done.status.success() {
        return Ok(());
    }
    let detail = tail(&(String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr)));
    Err(MariaDbError::Failed { what: "mariadb-install-db failed", detail })
}

fn keep(server: &Path, folder: &Path, port: u16, keeping: Keeping) -> Result<Child, MariaDbError> {
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "mariadb-keeper"]).arg(folder).arg(server).arg("--no-defaults").args(options(keeping)).args(as_root());
    command.arg(format!("--datadir={}", folder.join("data").display()));
    command.arg(format!("--socket={}", folder.join("socket").display()));
    command.arg(format!("--log-error={}", folder.join("server.log").display()));
    command.arg(format!("--init-file={}", folder.join("accounts.sql").display()));
    command.args(["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")]);
    // A Ctrl-C at the terminal is for the tests; the server ends with them.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map_err(system("start MariaDB"))
}

/// The server refuses to run as root unless it is told so by name.
fn as_root() -> Option<&'static str> {
    let owner = std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    matches!(owner, Ok(0)).then_some("--user=root")
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> MariaDbError {
    move |source| MariaDbError::System { what, source }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
