//! Rules about the sources themselves that no compiler knows: how SQL is made, and how a listener is served.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The packages whose sources run outside tests.
const PACKAGES: [&str; 4] = ["reference", "chaos", "loadgen", "functions"];

/// Every source file, with its path from the top of the repository. What stands behind `#[cfg(test)]` is left out.
fn sources() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = PACKAGES.iter().map(|package| top.join(package).join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let production = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
                found.push((path.strip_prefix(&top).unwrap().display().to_string(), production));
            }
        }
    }
    assert!(found.len() > 300, "all sources are found");
    found
}

/// The files that say something, sorted.
fn that_say(word: &str) -> Vec<String> {
    let mut files: Vec<String> = sources().into_iter().filter(|(_, text)| text.contains(word)).map(|(path, _)| path).collect();
    files.sort();
    files
}

#[test]
fn sql_is_made_of_constants_and_bound_values_alone() {
    // sqlx takes a statement that is no constant only inside this word. Each place says why it may.
    let allowed = [
        // The statements of a target file, which are its author's own; what a run fills in is bound (`loadgen::target::statement`).
        "loadgen/src/target/database.rs",
        // One function for constants and for constants with a dialect's word in them.
        "reference/src/store/database.rs",
        // Statements of that function, with semicolons between them; their values are bound as they were.
        "reference/src/store/database/batch.rs",
    ];
    assert_eq!(that_say("AssertSqlSafe"), allowed);
    // What is put together at run time is put together from words that come from nowhere but this program.
    let constants = ["PRODUCT", "SCHEMA_LOCK", "SILENCE_SECONDS", "into"];
    // The name of a run's own database, made of random hexadecimal digits.
    let generated = ["name"];
    let calls = ["marks(", "places::<N>(", "conn.dialect()", "tx.conn.dialect()", "lock_patience.as_secs()"];
    let assembled = Regex::new(r#"format!\(\s*"([^"]*)"\s*,?([^;]*)"#).unwrap();
    let verb =
        Regex::new(r"\b(SELECT|INSERT|INTO|UPDATE|DELETE|FROM|WHERE|CREATE (DATABASE|TABLE)|DROP|SET SESSION|VALUES)\b|\{into\}").unwrap();
    let place = Regex::new(r"\{(\w*)[^}]*\}").unwrap();
    let mut statements = 0;
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("reference/src/")) {
        for found in assembled.captures_iter(&text).filter(|found| verb.is_match(&found[1])) {
            statements += 1;
            let mut words = found[2].split(',').map(str::trim);
            for place in place.captures_iter(&found[1]) {
                let fine = match &place[1] {
                    "" => words.next().is_some_and(|word| calls.iter().any(|call| word.starts_with(call))),
                    named => constants.contains(&named) || generated.contains(&named),
                };
                assert!(fine, "{path}: bind what is not a constant of this program: {}", &found[0]);
            }
        }
    }
    assert!(statements > 10, "the statements are found: {statements}");
}

#[test]
fn every_listener_is_served_with_limits() {
    let servers = ["chaos/src/tap/http/connection.rs", "reference/src/broker/listener.rs", "reference/src/http.rs"];
    assert_eq!(that_say("serve_connection("), servers, "whoever listens uses one of these, or is held to the same");
    for (path, text) in sources().into_iter().filter(|(path, _)| servers.contains(&path.as_str())) {
        for limit in [".header_read_timeout(", "write_timeout", "timeout("] {
            assert!(text.contains(limit) || text.contains("impatient("), "{path} has no {limit}");
        }
    }
    assert_eq!(that_say("axum::serve("), Vec::<String>::new(), "it has no limits");
    // Raw TCP, besides: a tap, which has its own.
    assert_eq!(that_say(".accept()"), ["chaos/src/tap/listener.rs", "reference/src/broker/listener.rs", "reference/src/http.rs"]);
}

fn deployed(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn what_is_deployed_asks_for_no_more_than_it_needs() {
    for (path, text) in deployed("kubernetes") {
        let count = |word: &str| text.matches(word).count();
        let (pods, containers) = (count("restartPolicy: Never") + count("kind: Deployment"), count("image: "));
        for of_a_pod in ["automountServiceAccountToken: false", "runAsNonRoot: true", "type: RuntimeDefault"] {
            assert_eq!(count(of_a_pod), pods, "{path}: {of_a_pod}");
        }
        for of_a_container in ["allowPrivilegeEscalation: false", "readOnlyRootFilesystem: true", "drop: [ALL]", "memory: 1Gi }"] {
            let spelled_otherwise = if of_a_container.starts_with("memory") { count("memory: 2Gi }") } else { 0 };
            assert_eq!(count(of_a_container) + spelled_otherwise, containers, "{path}: {of_a_container}");
        }
        for never in ["privileged: true", "hostNetwork", "hostPath", "hostPID", "add: ["] {
            assert_eq!(count(never), 0, "{path}: {never}");
        }
    }
    let everything: String = deployed("terraform").into_iter().map(|(_, text)| text).collect();
    // Every statement that names its actions with an asterisk denies them.
    for (at, _) in everything.match_indices(":*\"]").filter(|(at, _)| !everything[..*at].ends_with(".arn}")) {
        let statement = &everything[everything[..at].rfind("statement {").unwrap()..at];
        assert!(statement.contains("effect    = \"Deny\""), "actions are named one by one: {statement}");
    }
    let anywhere: Vec<&str> = everything.lines().map(str::trim).filter(|line| *line == "resources = [\"*\"]").collect();
    assert_eq!(anywhere.len(), 1, "only network interfaces, which have no names");
    let password = Regex::new(r#"(?m)^\s*(master_)?password\s*="#).unwrap();
    assert!(!password.is_match(&everything), "the database's password is made by AWS and stands nowhere");
}
