//! Which database: `DATABASE_URL`, or the four variables of the course's `.env` file.

use std::path::Path;

/// Where the four variables of the course's `.env` file come from; a closure so that tests need no process-wide environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A database that this build cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabase {
    /// Another kind of database.
    #[error(
        "this build speaks SQLite only, and {asked_by} asks for {scheme}; give DATABASE_URL=sqlite:///path/to/shop.db, or unset it to use a file in the data folder"
    )]
    OtherKind {
        /// The variables that asked.
        asked_by: &'static str,
        /// The kind that was asked for.
        scheme: String,
    },
    /// Not a URL of a database at all.
    #[error("is no database URL; write for example sqlite:///path/to/shop.db")]
    Unreadable,
}

/// The course's variables. `HOSTNAME` and `USERNAME` are also set by shells, so only all four together mean a database.
const COURSE_VARIABLES: [&str; 4] = ["HOSTNAME", "USERNAME", "PASSWORD", "DATABASE"];

/// The URL of the database: what was given, or `shop.db` in the data folder.
///
/// # Errors
/// [`BadDatabase`] when another kind of database is asked for. The message never holds a password.
pub fn url(given: Option<&str>, env: Env<'_>, data: &Path) -> Result<String, BadDatabase> {
    match given {
        Some(url) => match url.split_once(':') {
            Some(("sqlite", rest)) if !rest.trim_start_matches('/').is_empty() => Ok(url.to_owned()),
            Some((scheme @ ("mysql" | "mariadb" | "postgres" | "postgresql"), _)) => {
                Err(BadDatabase::OtherKind { asked_by: "DATABASE_URL", scheme: scheme.to_owned() })
            }
            _ => Err(BadDatabase::Unreadable),
        },
        None if COURSE_VARIABLES.iter().all(|name| env(name).is_some_and(|value| !value.is_empty())) => {
            Err(BadDatabase::OtherKind { asked_by: "HOSTNAME/USERNAME/PASSWORD/DATABASE", scheme: "mysql".to_owned() })
        }
        None => Ok(format!("sqlite://{}", data.join("shop.db").display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &'static [&'static str]) -> impl Fn(&str) -> Option<String> {
        move |name| names.contains(&name).then(|| "x".to_owned())
    }

    #[test]
    fn without_a_word_the_data_folder_holds_the_database() {
        assert_eq!(url(None, &with(&["HOSTNAME", "USERNAME"]), Path::new("/d")).unwrap(), "sqlite:///d/shop.db");
    }

    #[test]
    fn the_url_wins_over_the_four_variables() {
        assert_eq!(url(Some("sqlite:///a.db"), &with(&COURSE_VARIABLES), Path::new("/d")).unwrap(), "sqlite:///a.db");
    }

    #[test]
    fn another_database_is_refused_without_repeating_its_password() {
        let error = url(Some("mysql://u:secret@h/db"), &with(&[]), Path::new("/d")).unwrap_err().to_string();
        assert!(error.contains("SQLite only") && error.contains("mysql") && !error.contains("secret"), "{error}");
        assert!(matches!(url(None, &with(&COURSE_VARIABLES), Path::new("/d")), Err(BadDatabase::OtherKind { .. })));
        assert_eq!(url(Some("shop.db"), &with(&[]), Path::new("/d")), Err(BadDatabase::Unreadable));
    }
}
