//! Which database: `DATABASE_URL`, or the four variables of the course's `.env` file.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the four variables of the course's `.env` file come from; a closure so that tests need no process-wide environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A database that this build cannot use. No message holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabase {
    /// A kind of database that the program speaks, but this build does not.
    #[error(
        "this build speaks SQLite only, and {asked_by} asks for {scheme}; build it with its default features (or --features mysql), give \
         DATABASE_URL=sqlite:///path/to/shop.db, or unset it to use a file in the data folder"
    )]
    NotBuiltIn {
        /// The variables that asked.
        asked_by: &'static str,
        /// The kind that was asked for.
        scheme: String,
    },
    /// A kind of database that the program does not speak.
    #[error("{scheme} is not spoken here; write sqlite:///path/to/shop.db or mysql://user:password@host:3306/shop")]
    OtherKind {
        /// The kind that was asked for.
        scheme: String,
    },
    /// Not a URL of a database at all.
    #[error("is no database URL; write for example sqlite:///path/to/shop.db or mysql://user:password@host:3306/shop")]
    Unreadable,
}

/// The course's variables. `HOSTNAME` and `USERNAME` are also set by shells, so only all four together mean a database.
const COURSE_VARIABLES: [&str; 4] = ["HOSTNAME", "USERNAME", "PASSWORD", "DATABASE"];

/// The URL of the database: what was given, what the course's four variables say, or `shop.db` in the data folder.
///
/// # Errors
/// [`BadDatabase`] when a database is asked for that this build cannot use.
pub fn url(given: Option<&str>, env: Env<'_>, data: &Path) -> Result<String, BadDatabase> {
    match given {
        Some(url) => match url.split_once(':') {
            Some(("sqlite", rest)) if !rest.trim_start_matches('/').is_empty() => Ok(url.to_owned()),
            Some((scheme @ ("mysql" | "mariadb"), rest)) if rest.trim_start_matches('/').contains('/') => {
                built_in("DATABASE_URL", scheme)?;
                Ok(url.to_owned())
            }
            Some((scheme @ ("postgres" | "postgresql"), _)) => Err(BadDatabase::OtherKind { scheme: scheme.to_owned() }),
            _ => Err(BadDatabase::Unreadable),
        },
        None => match of_the_course(env) {
            Some(url) => {
                built_in("HOSTNAME/USERNAME/PASSWORD/DATABASE", "mysql")?;
                Ok(url)
            }
            None => Ok(format!("sqlite://{}", data.join("shop.db").display())),
        },
    }
}

/// Whether the course's four variables name a database.
#[must_use]
pub fn is_named(env: Env<'_>) -> bool {
    of_the_course(env).is_some()
}

fn built_in(asked_by: &'static str, scheme: &str) -> Result<(), BadDatabase> {
    if cfg!(feature = "mysql") { Ok(()) } else { Err(BadDatabase::NotBuiltIn { asked_by, scheme: scheme.to_owned() }) }
}

/// The URL that the four variables amount to. `HOSTNAME` may bring its port along.
fn of_the_course(env: Env<'_>) -> Option<String> {
    let [host, user, password, database] = COURSE_VARIABLES.map(|name| env(name).filter(|value| !value.is_empty()));
    let escaped = |text: Option<String>| Some(utf8_percent_encode(&text?, NON_ALPHANUMERIC).to_string());
    let (user, password, database) = (escaped(user)?, escaped(password)?, escaped(database)?);
    Some(format!("mysql://{user}:{password}@{}/{database}", host?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    const COURSE: &[(&str, &str)] = &[("HOSTNAME", "db.example"), ("USERNAME", "root"), ("PASSWORD", "s/e@c:r et"), ("DATABASE", "shop")];

    #[test]
    fn without_a_word_the_data_folder_holds_the_database() {
        let set_by_a_shell = [("HOSTNAME", "box"), ("USERNAME", "me")];
        let env = |name: &str| set_by_a_shell.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(url(None, &env, Path::new("/d")).unwrap(), "sqlite:///d/shop.db");
    }

    #[test]
    fn the_url_wins_over_the_four_variables() {
        assert_eq!(url(Some("sqlite:///a.db"), &with(COURSE), Path::new("/d")).unwrap(), "sqlite:///a.db");
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn the_four_variables_are_a_server_whatever_the_password_holds() {
        assert_eq!(url(None, &with(COURSE), Path::new("/d")).unwrap(), "mysql://root:s%2Fe%40c%3Ar%20et@db.example/shop");
        assert_eq!(url(Some("mysql://u:p@h:3307/db"), &with(&[]), Path::new("/d")).unwrap(), "mysql://u:p@h:3307/db");
    }

    #[cfg(not(feature = "mysql"))]
    #[test]
    fn a_server_is_refused_by_a_build_that_speaks_to_none() {
        let error = url(Some("mysql://u:secret@h/db"), &with(&[]), Path::new("/d")).unwrap_err().to_string();
        assert!(error.contains("--features mysql") && !error.contains("secret"), "{error}");
        assert!(matches!(url(None, &with(COURSE), Path::new("/d")), Err(BadDatabase::NotBuiltIn { .. })));
    }

    #[test]
    fn what_is_no_database_is_refused_without_repeating_its_password() {
        for given in ["shop.db", "mysql://u:secret@h", "postgres://u:secret@h/db", "sqlite:", ""] {
            let error = url(Some(given), &with(&[]), Path::new("/d")).unwrap_err().to_string();
            assert!(error.contains("sqlite:///") && !error.contains("secret"), "{given}: {error}");
        }
    }
}
