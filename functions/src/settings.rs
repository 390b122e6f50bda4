//! The environment of a function. The variables are those of `reference serve`, and are checked by the same code.
//!
//! On AWS the database's password stands in no variable: `REFERENCE_DATABASE_SECRET_ARN` names the secret that RDS keeps, and it is read once, at
//! the start, from AWS's "Parameters and Secrets" extension, which answers on loopback.

use std::time::Duration;

use clap::Parser;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reference::config::ServeSettings;
use reference::config::args::ServeArgs;
use reference::config::problems::Problems;
use serde::Deserialize;

/// Where the extension listens, unless its own variable says otherwise.
const EXTENSION_PORT: &str = "2773";

/// How long the secret may take. The extension caches it, so only a cold start waits.
const SECRET_WITHIN: Duration = Duration::from_secs(5);

/// A secret is a few hundred bytes.
const SECRET_BYTES: usize = 64 * 1024;

/// Looks a variable up.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The environment.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The flags that the variables stand for.
    #[error(transparent)]
    Args(#[from] clap::Error),
    /// The secret could not be read.
    #[error(
        "cannot read the secret {arn} from the extension at {url}: {reason}; is the layer \"AWS Parameters and Secrets\" attached, and may the role read it?"
    )]
    Secret {
        /// Which secret.
        arn: String,
        /// Where it was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A secret without a database's address is of no use.
    #[error("REFERENCE_DATABASE_SECRET_ARN is set, but REFERENCE_DATABASE_HOST is not; set it to the database's host name")]
    NoHost,
}

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    args: ServeArgs,
}

/// The settings of the role that a function plays.
///
/// # Errors
/// [`SettingsError`].
pub async fn settings(role: &str, env: Env<'_>) -> Result<ServeSettings, SettingsError> {
    let mut args = Words::try_parse_from(["functions", role])?.args;
    if let Some(arn) = env("REFERENCE_DATABASE_SECRET_ARN") {
        let host = env("REFERENCE_DATABASE_HOST").ok_or(SettingsError::NoHost)?;
        args.pipeline.database_url = Some(database_url(&secret(&arn, env).await?, &host));
    }
    Ok(ServeSettings::check(&args, &|name| env(name))?)
}

/// What RDS keeps in its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

async fn secret(arn: &str, env: Env<'_>) -> Result<Credentials, SettingsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        secret_string: String,
    }
    let port = env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT").unwrap_or_else(|| EXTENSION_PORT.to_owned());
    let url = format!("http://localhost:{port}/secretsmanager/get?secretId={}", escaped(arn));
    let failed = |reason: String| SettingsError::Secret { arn: arn.to_owned(), url: url.clone(), reason };
    let request = Request::get(&url).header("X-Aws-Parameters-Secrets-Token", env("AWS_SESSION_TOKEN").unwrap_or_default());
    let request = request.body(Empty::<axum::body::Bytes>::new()).map_err(|error| failed(error.to_string()))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let read = async {
        let answer = client.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), SECRET_BYTES).collect().await.map_err(|error| error.to_string())?.to_bytes();
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| "its answer holds no SecretString".to_owned())?;
        serde_json::from_str(&answer.secret_string).map_err(|_| "the secret holds no username and password".to_owned())
    };
    let read = tokio::time::timeout(SECRET_WITHIN, read).await.unwrap_or_else(|_| Err(format!("no answer within {SECRET_WITHIN:?}")));
    read.map_err(failed)
}

fn database_url(credentials: &Credentials, host: &str) -> String {
    format!("mysql://{}:{}@{host}:3306/shop", escaped(&credentials.username), escaped(&credentials.password))
}

/// Escaped as a part of an address must be; RDS's passwords are full of what would end one.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::{Query, Request};
    use axum::routing::get;

    use super::*;

    #[test]
    fn a_password_with_anything_in_it_stays_one_part_of_the_address() {
        let credentials = Credentials { username: "shop".to_owned(), password: "a/b@c:d?e#f%".to_owned() };
        assert_eq!(database_url(&credentials, "db"), "mysql://shop:a%2Fb%40c%3Ad%3Fe%23f%25@db:3306/shop");
    }

    #[tokio::test]
    async fn the_password_comes_from_the_extension_and_from_nowhere_else() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let answer = |Query(query): Query<std::collections::BTreeMap<String, String>>, request: Request| async move {
            assert_eq!(query["secretId"], "arn:secret");
            assert_eq!(request.headers()["X-Aws-Parameters-Secrets-Token"], "token");
            r#"{"SecretString": "{\"username\": \"shop\", \"password\": \"p@ss\"}"}"#
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/secretsmanager/get", get(answer))).await });
        let env = |name: &str| match name {
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT" => Some(port.clone()),
            "AWS_SESSION_TOKEN" => Some("token".to_owned()),
            _ => None,
        };
        let credentials = secret("arn:secret", &env).await.unwrap();
        assert_eq!(database_url(&credentials, "db.internal"), "mysql://shop:p%40ss@db.internal:3306/shop");
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_had_is_said_with_its_name_and_without_its_value() {
        let env = |name: &str| match name {
            "REFERENCE_DATABASE_SECRET_ARN" => Some("arn:secret".to_owned()),
            "REFERENCE_DATABASE_HOST" => Some("db.internal".to_owned()),
            // Nobody listens on the port that reserves itself for nobody.
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT" => Some("1".to_owned()),
            _ => None,
        };
        let error = settings("sales", &env).await.unwrap_err().to_string();
        assert!(error.contains("arn:secret") && error.contains("layer"), "{error}");
    }
}
