//! As few trips to a database as possible.
//!
//! Every statement goes to the thread of its file, or over a network, and its answer comes back: two changes of threads at least, which cost more than most
//! statements. So rows are written many at a time, and what goes to a file is handed over together.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Executor as _};

use super::{Connection, Dialect, Statement, Value, marks, sql_of};
use crate::store::StoreError;

/// Most rows in one statement: their values are well below what either database takes.
pub(crate) const MOST_ROWS: usize = 64;

/// The statements that insert these rows: `into` is the beginning (`INSERT INTO table (columns)`), up to its rows. The first column of a row is never
/// null.
pub(crate) fn insert_rows<const N: usize>(dialect: Dialect, into: &'static str, mut rows: Vec<[Value; N]>) -> Vec<Statement> {
    let mut statements = Vec::new();
    while !rows.is_empty() {
        let (text, more) = match dialect {
            // Filled up to a power of two with rows that are left out again: few texts, each prepared once, serve every number of rows.
            Dialect::Sqlite => {
                let more = rows.split_off(rows.len().min(MOST_ROWS));
                rows.resize_with(rows.len().next_power_of_two(), || [const { Value::Null }; N]);
                (format!("{into} SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL", places::<N>(rows.len())), more)
            }
            // The two servers name such columns differently. Here it is runs of powers of two.
            #[cfg(feature = "mysql")]
            Dialect::MySql => {
                let more = rows.split_off((1 << rows.len().ilog2()).min(MOST_ROWS));
                (format!("{into} VALUES {}", places::<N>(rows.len())), more)
            }
        };
        statements.push(sql_of(text).bind_all(rows.into_iter().flatten()));
        rows = more;
    }
    statements
}

/// `(?, ?), (?, ?)` for so many rows.
fn places<const N: usize>(rows: usize) -> String {
    let row = format!("({})", marks(N));
    vec![row.as_str(); rows].join(", ")
}

/// Runs statements one after the other, up to the first that fails; answers the rows that each found.
pub(crate) async fn execute_together(statements: Vec<Statement>, on: &mut Connection) -> Result<Vec<u64>, StoreError> {
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    match on {
        Connection::Sqlite(conn) => {
            let (texts, values): (Vec<_>, Vec<_>) = statements.into_iter().map(|statement| (statement.text, statement.values)).unzip();
            let text = texts.iter().map(sqlx::SqlStr::as_str).collect::<Vec<_>>().join("; ");
            let query = bound!(sqlx::query(AssertSqlSafe(text)), values.into_iter().flatten());
            Ok(conn.execute_many(query).map_ok(|done| done.rows_affected()).try_collect().await?)
        }
        #[cfg(feature = "mysql")]
        conn @ Connection::MySql(_) => {
            let mut found = Vec::with_capacity(statements.len());
            for statement in statements {
                found.push(statement.execute(&mut *conn).await?);
            }
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite;

    async fn numbers(folder: &std::path::Path) -> Connection {
        let mut conn = sqlite::writer("sqlite:numbers", &folder.join("numbers.db"), std::time::Duration::from_secs(1)).await.unwrap();
        let table = "CREATE TABLE numbers (name TEXT NOT NULL UNIQUE, number INTEGER, position INTEGER PRIMARY KEY AUTOINCREMENT) STRICT";
        conn.run(super::super::sql(table)).await.unwrap();
        conn
    }

    fn rows(names: impl IntoIterator<Item = i64>) -> Vec<[Value; 2]> {
        names.into_iter().map(|number| [format!("n{number}").into(), (number != 3).then_some(number).into()]).collect()
    }

    const INTO: &str = "INSERT INTO numbers (name, number)";

    #[tokio::test]
    async fn every_number_of_rows_is_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = numbers(folder.path()).await;
        let (mut next, mut expected) = (0, Vec::new());
        for count in [1, 2, 3, 5, 64, 65, 200] {
            let these = next..next + count;
            let found = execute_together(insert_rows(Dialect::Sqlite, INTO, rows(these.clone())), &mut conn).await.unwrap();
            assert_eq!(found.iter().sum::<u64>(), count as u64, "{found:?}");
            expected.extend(these.map(|number| (format!("n{number}"), (number != 3).then_some(number))));
            next += count;
        }
        let written: Vec<(String, Option<i64>)> =
            super::super::sql("SELECT name, number FROM numbers ORDER BY position").fetch_all(&mut conn).await.unwrap();
        assert_eq!(written, expected);
    }

    #[tokio::test]
    async fn each_statement_tells_what_it_found_and_the_first_failure_ends_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = numbers(folder.path()).await;
        let raise = || super::super::sql("UPDATE numbers SET number = number + ? WHERE name = ?");
        let mut script = insert_rows(Dialect::Sqlite, INTO, rows(0..3));
        script.push(raise().bind(10_i64).bind("n1"));
        script.push(raise().bind(10_i64).bind("nobody"));
        assert_eq!(execute_together(script, &mut conn).await.unwrap(), [3, 1, 0]);

        let mut script = insert_rows(Dialect::Sqlite, INTO, rows(2..4));
        script.push(raise().bind(10_i64).bind("n1"));
        execute_together(script, &mut conn).await.expect_err("n2 is there already");
        let (number,): (i64,) = super::super::sql("SELECT number FROM numbers WHERE name = 'n1'").fetch_one(&mut conn).await.unwrap();
        assert_eq!(number, 11, "what came after the failure was not run");
        assert_eq!(execute_together(Vec::new(), &mut conn).await.unwrap(), [0_u64; 0]);
    }
}
