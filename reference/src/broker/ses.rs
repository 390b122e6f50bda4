//! SES: takes e-mails and keeps them, so that tests and people can look at what would have been sent.

mod mailbox;
mod page;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

pub use self::mailbox::Letter;
pub(crate) use self::mailbox::{Mail, Mailbox, MailboxError};
use super::{sns::Params, world::World};

/// SendEmail's parameters; what this broker keeps of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    reply_to_addresses: Vec<String>,
    content: Content,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Content {
    simple: Option<Simple>,
    raw: Option<Raw>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Text {
    data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Raw {
    data: String,
}

/// Most recipients of an e-mail.
const MAX_RECIPIENTS: usize = 50;

/// `POST /v2/email/outbound-emails`.
pub(crate) fn send(world: &World, body: &[u8]) -> Response<Full<Bytes>> {
    let asked: SendEmail = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(error) => return refuse(&format!("the body is not what SendEmail expects: {error}")),
    };
    let mail = match read(asked) {
        Ok(mail) => mail,
        Err(reason) => return refuse(&reason),
    };
    let (id, timestamp) = (uuid::Uuid::new_v4().to_string(), world.clock.now().iso8601());
    let mail = Mail { id: id.clone(), timestamp, region: super::arn::REGION.to_owned(), ..mail };
    match world.mailbox().keep(mail) {
        Ok(()) => json_response(StatusCode::OK, &json!({"MessageId": id}), None),
        Err(error) => {
            let message = format!("The e-mail cannot be kept: {error}");
            json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": message}), Some("InternalServiceErrorException"))
        }
    }
}

/// `GET /_aws/ses`: what was sent, as LocalStack lists it; `?id=` and `?email=` (the sender) choose.
pub(crate) fn list(world: &World, query: &str) -> Response<Full<Bytes>> {
    let params = Params::parse(query.as_bytes());
    let (id, sender) = (params.get("id"), params.get("email"));
    let mailbox = world.mailbox();
    let chosen: Vec<&Mail> =
        mailbox.mails().filter(|mail| id.is_none_or(|id| mail.id == id) && sender.is_none_or(|sender| mail.source == sender)).collect();
    json_response(StatusCode::OK, &json!({"messages": chosen}), None)
}

/// `DELETE /_aws/ses`: forgets all e-mails, or with `?id=` one.
pub(crate) fn forget(world: &World, query: &str) -> Response<Full<Bytes>> {
    let params = Params::parse(query.as_bytes());
    match world.mailbox().forget(params.get("id")) {
        Ok(()) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(error) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()}), None),
    }
}

/// `GET /mails`: what was sent, for people.
pub(crate) fn show(world: &World) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page::of(&world.mailbox()))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn read(asked: SendEmail) -> Result<Mail, String> {
    let destination = asked.destination;
    let recipients = [&destination.to_addresses, &destination.cc_addresses, &destination.bcc_addresses];
    let count: usize = recipients.iter().map(|addresses| addresses.len()).sum();
    if count > MAX_RECIPIENTS {
        return Err(format!("Recipient count exceeds {MAX_RECIPIENTS}."));
    }
    let sender = std::iter::once(&asked.from_email_address).filter(|address| !address.is_empty());
    if let Some(address) = recipients.into_iter().flatten().chain(sender).find(|address| !looks_like_address(address)) {
        return Err(format!("'{address}' is not an e-mail address."));
    }
    let mail = Mail {
        source: asked.from_email_address,
        reply_to: asked.reply_to_addresses,
        destination: mailbox::Recipients {
            to_addresses: destination.to_addresses,
            cc_addresses: destination.cc_addresses,
            bcc_addresses: destination.bcc_addresses,
        },
        ..Mail::default()
    };
    match (asked.content.simple, asked.content.raw) {
        (Some(simple), None) if mail.source.is_empty() || count == 0 => {
            Err(format!("{} is missing.", if simple.subject.data.is_empty() || count == 0 { "Destination" } else { "FromEmailAddress" }))
        }
        (Some(simple), None) => {
            if simple.body.text.is_none() && simple.body.html.is_none() {
                return Err("Content.Simple.Body needs Text or Html.".to_owned());
            }
            let body =
                mailbox::Parts { text_part: simple.body.text.map(|text| text.data), html_part: simple.body.html.map(|html| html.data) };
            Ok(Mail { subject: Some(simple.subject.data), body: Some(body), ..mail })
        }
        (None, Some(raw)) => Ok(Mail { raw_data: Some(raw.data), ..mail }),
        _ => Err("Content needs either Simple or Raw; templates are not known here.".to_owned()),
    }
}

/// `name@host`, or `Name <name@host>`: what a slip of the pen would miss.
fn looks_like_address(address: &str) -> bool {
    let plain = address.rsplit_once('<').map_or(address, |(_, rest)| rest.trim_end_matches('>')).trim();
    plain.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !plain.contains(char::is_whitespace))
}

fn refuse(message: &str) -> Response<Full<Bytes>> {
    json_response(StatusCode::BAD_REQUEST, &json!({"message": message}), Some("BadRequestException"))
}

fn json_response(status: StatusCode, body: &serde_json::Value, error: Option<&'static str>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(error) = error {
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error));
    }
    response
}
