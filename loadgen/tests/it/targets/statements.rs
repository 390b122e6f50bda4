//! A target's own SQL, with values in it that wish its database ill.

use sqlx::{Connection as _, MySqlConnection, SqliteConnection};
use testbed::MariaDb;

use super::misbehaving::{shop, write_target};
use crate::whole_command::{Desk, text};

/// Ends every kind of text, name and comment, and the table.
const HOSTILE: &str = r#"rye'; DROP TABLE breads; -- \'; DROP TABLE breads; # " ` */ ? {quantity}"#;

const STATEMENTS: &str = r#"
read = "SELECT stock FROM breads WHERE name = {product}"
reset = "UPDATE breads SET stock = {quantity} WHERE name = {product}"
"#;

/// Lets the harness get to know a shop whose stock is read and set in that database, and returns what it said.
fn acquainted(database: &str, variables: &[(&str, &str)]) -> String {
    let desk = Desk::new("");
    let file = write_target(&desk, &shop("self.say(b'{\"result\": \"sorry\"}')", ""), "");
    let over_http = "read = \"GET /stock\"\nat = \"/left\"\n";
    let described = std::fs::read_to_string(&file).unwrap();
    assert!(described.contains(over_http), "{described}");
    let described = described
        .replace(over_http, &format!("database = \"{database}\"{STATEMENTS}"))
        .replace("id = \"rye\"", &format!("id = '''{HOSTILE}'''"));
    std::fs::write(&file, described).unwrap();
    let output = desk.loadgen(&["target", "check", &file]).envs(variables.iter().copied()).output().unwrap();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// The table, and what must be left of it.
const TABLE: [&str; 2] =
    ["CREATE TABLE breads (name VARCHAR(200) PRIMARY KEY, stock INTEGER NOT NULL)", "INSERT INTO breads VALUES ('rye', 50)"];

fn only_the_one_was_set(left: &[(i64,)], said: &str) {
    assert_eq!(left, [(3,), (50,)], "{said}");
    assert!(said.contains("it was set to 3 before"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_word_of_a_product_stays_a_value_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/shop.db", folder.path().display());
    let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    for statement in TABLE {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    sqlx::query("INSERT INTO breads VALUES (?, 9)").bind(HOSTILE).execute(&mut connection).await.unwrap();
    let said = tokio::task::spawn_blocking(move || acquainted(&url, &[])).await.unwrap();
    let left: Vec<(i64,)> = sqlx::query_as("SELECT stock FROM breads ORDER BY stock").fetch_all(&mut connection).await.unwrap();
    only_the_one_was_set(&left, &said);
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_word_of_a_product_stays_a_value_on_a_server() {
    let server = MariaDb::shared().await;
    let url = server.url(&server.fresh_database().await);
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    for statement in TABLE {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    sqlx::query("INSERT INTO breads VALUES (?, 9)").bind(HOSTILE).execute(&mut connection).await.unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let (user, rest) = url.strip_prefix("mysql://").unwrap().split_once(':').unwrap();
        let (password, place) = rest.split_once('@').unwrap();
        acquainted(&format!("mysql://{user}:{{env:BREADS_PASSWORD}}@{place}"), &[("BREADS_PASSWORD", password)])
    });
    let said = said.await.unwrap();
    let left: Vec<(i64,)> =
        sqlx::query_as("SELECT CAST(stock AS SIGNED) FROM breads ORDER BY stock").fetch_all(&mut connection).await.unwrap();
    only_the_one_was_set(&left, &said);
    connection.close().await.unwrap();
}
