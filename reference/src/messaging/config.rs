//! What the AWS SDK's standard variables say, read once.

use std::fmt;

/// Where the services are and who asks. Endpoints are plain URLs ("http://127.0.0.1:4566"); without one, the service's public address is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsConfig {
    /// For every service that has no endpoint of its own (`AWS_ENDPOINT_URL`).
    pub endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SQS`.
    pub endpoint_sqs: Option<String>,
    /// `AWS_ENDPOINT_URL_SNS`.
    pub endpoint_sns: Option<String>,
    /// `AWS_ENDPOINT_URL_SESV2`, or `AWS_ENDPOINT_URL_SES`.
    pub endpoint_ses: Option<String>,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    pub credentials: AwsCredentials,
}

/// An access key. Its secrets never show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
}

/// What a configuration lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsConfigError {
    /// A variable is needed and not set.
    #[error("{variable} is not set: {way_out}")]
    Missing {
        /// Its name.
        variable: &'static str,
        /// What to do.
        way_out: &'static str,
    },
    /// An endpoint is no address.
    #[error("{variable} is {value:?}, which is not an address such as http://127.0.0.1:4566 ({reason})")]
    NotAnAddress {
        /// The variable that it came from.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service would have to be spoken to over TLS.
    #[error(
        "{service} needs TLS ({address}), which this build lacks: set {variable} to an http:// address, or build with the feature `aws-tls`"
    )]
    NeedsTls {
        /// "SQS", "SNS" or "SES".
        service: &'static str,
        /// The address, or the words "no endpoint given".
        address: String,
        /// The variable that would help.
        variable: &'static str,
    },
}

/// The region of a service that does not care.
const LOCAL_REGION: &str = "us-east-1";

/// One of the services that are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sqs,
    Sns,
    Ses,
}

impl AwsConfig {
    /// Reads the SDK's standard variables from the process environment.
    ///
    /// # Errors
    /// [`AwsConfigError::Missing`] when region or credentials are not set.
    pub fn from_process() -> Result<Self, AwsConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads the SDK's standard variables from wherever `variable` finds them. An empty value counts as unset, as the SDKs have it.
    ///
    /// When plain `http://` endpoints are given for every service, region and credentials may be left out: a service like that, the embedded
    /// broker for one, takes any, and gets those of [`AwsConfig::local`]. Half a pair of credentials is a mistake everywhere.
    ///
    /// # Errors
    /// [`AwsConfigError::Missing`] when region or credentials are needed and not set.
    pub fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, AwsConfigError> {
        let set = |name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let needed = |name, way_out| set(name).ok_or(AwsConfigError::Missing { variable: name, way_out });
        let endpoint = set("AWS_ENDPOINT_URL");
        let endpoint_sqs = set("AWS_ENDPOINT_URL_SQS");
        let endpoint_sns = set("AWS_ENDPOINT_URL_SNS");
        let endpoint_ses = set("AWS_ENDPOINT_URL_SESV2").or_else(|| set("AWS_ENDPOINT_URL_SES"));
        let plain = [&endpoint_sqs, &endpoint_sns, &endpoint_ses]
            .into_iter()
            .all(|own| own.as_ref().or(endpoint.as_ref()).is_some_and(|address| is_plain(address)));
        let region = match set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")) {
            Some(region) => region,
            None if plain => LOCAL_REGION.to_owned(),
            None => needed("AWS_DEFAULT_REGION", "set AWS_REGION to the region of the queues, such as us-east-1")?,
        };
        let nobody = set("AWS_ACCESS_KEY_ID").is_none() && set("AWS_SECRET_ACCESS_KEY").is_none();
        let credentials = if plain && nobody {
            AwsCredentials::local()
        } else {
            AwsCredentials {
                access_key_id: needed("AWS_ACCESS_KEY_ID", "any text will do for a local endpoint")?,
                secret_access_key: needed("AWS_SECRET_ACCESS_KEY", "any text will do for a local endpoint")?,
                session_token: set("AWS_SESSION_TOKEN"),
            }
        };
        Ok(Self { endpoint, endpoint_sqs, endpoint_sns, endpoint_ses, region, credentials })
    }

    /// For an endpoint on this machine that looks at nobody's credentials, such as the embedded broker.
    #[must_use]
    pub fn local(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            endpoint_sqs: None,
            endpoint_sns: None,
            endpoint_ses: None,
            region: LOCAL_REGION.to_owned(),
            credentials: AwsCredentials::local(),
        }
    }

    /// The address of a service, checked; `None` is its public one.
    pub(super) fn address_of(&self, service: Service) -> Result<Option<String>, AwsConfigError> {
        let own = match service {
            Service::Sqs => &self.endpoint_sqs,
            Service::Sns => &self.endpoint_sns,
            Service::Ses => &self.endpoint_ses,
        };
        let (variable, value) = match (own, &self.endpoint) {
            (Some(own), _) => (service.variable(), own),
            (None, Some(shared)) => ("AWS_ENDPOINT_URL", shared),
            (None, None) if cfg!(feature = "aws-tls") => return Ok(None),
            (None, None) => return Err(service.needs_tls("no endpoint given".to_owned())),
        };
        let wrong = |reason: &dyn fmt::Display| AwsConfigError::NotAnAddress { variable, value: value.clone(), reason: reason.to_string() };
        let uri: http::Uri = value.parse().map_err(|e| wrong(&e))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(_)) => Ok(Some(value.trim_end_matches('/').to_owned())),
            (Some("https"), Some(_)) if cfg!(feature = "aws-tls") => Ok(Some(value.trim_end_matches('/').to_owned())),
            (Some("https"), Some(_)) => Err(service.needs_tls(value.clone())),
            _ => Err(wrong(&"it needs http:// and a host")),
        }
    }
}

impl AwsCredentials {
    /// Of nobody, for a service that does not look.
    fn local() -> Self {
        Self { access_key_id: "local".to_owned(), secret_access_key: "local".to_owned(), session_token: None }
    }
}

fn is_plain(address: &str) -> bool {
    address.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

impl Service {
    fn variable(self) -> &'static str {
        match self {
            Service::Sqs => "AWS_ENDPOINT_URL_SQS",
            Service::Sns => "AWS_ENDPOINT_URL_SNS",
            Service::Ses => "AWS_ENDPOINT_URL_SESV2",
        }
    }

    fn needs_tls(self, address: String) -> AwsConfigError {
        let service = match self {
            Service::Sqs => "SQS",
            Service::Sns => "SNS",
            Service::Ses => "SES",
        };
        AwsConfigError::NeedsTls { service, address, variable: self.variable() }
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<AwsConfig, AwsConfigError> {
        AwsConfig::from_variables(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    const WHO: [(&str, &str); 3] = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hush")];

    #[test]
    fn a_services_own_endpoint_wins_over_the_shared_one() {
        let mut variables = WHO.to_vec();
        variables.extend([("AWS_ENDPOINT_URL", "http://shared:1/"), ("AWS_ENDPOINT_URL_SNS", "http://own:2")]);
        let config = read(&variables).unwrap();
        assert_eq!(config.address_of(Service::Sqs).unwrap().unwrap(), "http://shared:1");
        assert_eq!(config.address_of(Service::Sns).unwrap().unwrap(), "http://own:2");
        assert_eq!(config.address_of(Service::Ses).unwrap().unwrap(), "http://shared:1");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(&WHO[..1]).unwrap_err();
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        let error = read(&[("AWS_REGION", " ")]).unwrap_err();
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }

    #[test]
    fn a_plain_endpoint_needs_neither_region_nor_credentials_and_one_with_tls_needs_both() {
        let http = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        assert_eq!(read(&[http]).unwrap(), AwsConfig::local(http.1));
        assert_eq!(read(&[http, WHO[0]]).unwrap().region, "eu-west-1");
        let lacks = |variables: &[(&'static str, &str)]| match read(variables).unwrap_err() {
            AwsConfigError::Missing { variable, .. } => variable,
            other => panic!("{other}"),
        };
        assert_eq!(lacks(&[http, WHO[1]]), "AWS_SECRET_ACCESS_KEY", "half a pair is a mistake");
        assert_eq!(lacks(&[("AWS_ENDPOINT_URL", "https://sqs.example"), WHO[1], WHO[2]]), "AWS_DEFAULT_REGION");
        assert_eq!(lacks(&[http, ("AWS_ENDPOINT_URL_SES", "https://ses.example"), WHO[0]]), "AWS_ACCESS_KEY_ID");
        assert_eq!(lacks(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1"), WHO[0]]), "AWS_ACCESS_KEY_ID", "SNS would be the public one");
    }

    #[test]
    fn an_endpoint_that_is_no_address_is_refused_with_its_variable() {
        let mut variables = WHO.to_vec();
        variables.push(("AWS_ENDPOINT_URL_SQS", "localhost:4566"));
        let error = read(&variables).unwrap().address_of(Service::Sqs).unwrap_err();
        assert!(matches!(error, AwsConfigError::NotAnAddress { variable: "AWS_ENDPOINT_URL_SQS", .. }), "{error}");
    }

    #[cfg(not(feature = "aws-tls"))]
    #[test]
    fn without_tls_only_http_endpoints_are_taken() {
        let mut variables = WHO.to_vec();
        let error = read(&variables).unwrap().address_of(Service::Sqs).unwrap_err();
        assert!(error.to_string().contains("AWS_ENDPOINT_URL_SQS") && error.to_string().contains("aws-tls"), "{error}");
        variables.push(("AWS_ENDPOINT_URL", "https://sqs.example"));
        let error = read(&variables).unwrap().address_of(Service::Sqs).unwrap_err();
        assert!(error.to_string().contains("https://sqs.example"), "{error}");
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let shown = format!("{:?}", read(&WHO).unwrap());
        assert!(shown.contains("\"id\"") && !shown.contains("hush"), "{shown}");
    }
}
