//! The database is a MySQL or MariaDB server: the rows of the products, and the connections that it grants.

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection as _, MySqlConnection};

use super::super::Diary;
use super::DatabaseTrouble;

/// Who does not want to wait for a lock is told so by MySQL with 3572, by MariaDB as if it had waited.
const LOCKED: [u16; 2] = [3572, 1205];

/// Too many connections; of this account.
const EXHAUSTED: [u16; 2] = [1040, 1203];

/// More connections than any server that is worth exhausting grants.
const MOST_CONNECTIONS: usize = 5_000;

/// Holds the rows of all products for a while.
pub(super) async fn lock(url: &str, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), DatabaseTrouble> {
    let mut holder = connect(url).await?;
    let mut other = connect(url).await?;
    lock_rows(&mut holder).await.map_err(DatabaseTrouble::Lock)?;
    diary.fired("the rows of all products are locked".to_owned());
    let at_once = sqlx::raw_sql("SELECT product_id FROM products FOR UPDATE NOWAIT").execute(&mut other).await;
    if is_one_of(at_once.map(drop), &LOCKED) {
        diary.effective("another transaction could not lock them".to_owned());
    }
    held.await;
    // Dropping the connection would give them back as well, and nobody would know when.
    unlock(&mut holder).await?;
    holder.close().await.map_err(DatabaseTrouble::Unlock)?;
    lock_rows(&mut other).await.map_err(DatabaseTrouble::Unlock)?;
    unlock(&mut other).await?;
    other.close().await.map_err(DatabaseTrouble::Unlock)
}

/// Takes every connection that the server still grants, and holds them for a while.
pub(super) async fn exhaust(url: &str, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), DatabaseTrouble> {
    let mut taken = Vec::new();
    let refused = loop {
        match MySqlConnection::connect(url).await {
            Ok(connection) => taken.push(connection),
            Err(error) => break Err(error),
        }
        if taken.len() >= MOST_CONNECTIONS {
            return Err(DatabaseTrouble::Inexhaustible(MOST_CONNECTIONS));
        }
    };
    diary.fired(format!("{} connections were taken", taken.len()));
    if is_one_of(refused, &EXHAUSTED) {
        diary.effective("the server granted no further one".to_owned());
    }
    held.await;
    for connection in taken {
        // One that has died meanwhile is not held any more, which is what is wanted.
        let _ = connection.close().await;
    }
    // Somebody else may take a free one for a moment; there are many.
    connect(url).await?.close().await.map_err(DatabaseTrouble::Connect)
}

async fn connect(url: &str) -> Result<MySqlConnection, DatabaseTrouble> {
    MySqlConnection::connect(url).await.map_err(DatabaseTrouble::Connect)
}

async fn lock_rows(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("START TRANSACTION").execute(&mut *connection).await?;
    sqlx::raw_sql("SELECT product_id FROM products FOR UPDATE").execute(connection).await.map(drop)
}

async fn unlock(connection: &mut MySqlConnection) -> Result<(), DatabaseTrouble> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop).map_err(DatabaseTrouble::Unlock)
}

fn is_one_of(result: Result<(), sqlx::Error>, numbers: &[u16]) -> bool {
    let Err(sqlx::Error::Database(error)) = result else { return false };
    error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| numbers.contains(&error.number()))
}
