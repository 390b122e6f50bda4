//! Messages on their way through any SNS and SQS: publish to a topic, receive from the queue behind it, delete. Spoken by hand, because an SDK costs
//! more than the server that is measured, and hides it.

use std::io;

use serde_json::{Value, json};

use crate::wire::Wire;

/// Nobody checks it; some brokers read region and account from it.
const AUTHORIZATION: &str =
    "Authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00\r\n";

/// A topic with one queue behind it.
#[derive(Debug, Clone)]
pub struct Route {
    address: String,
    topic: String,
    queue: String,
}

/// One client of a route.
#[derive(Debug)]
pub struct Courier {
    wire: Wire,
    route: Route,
}

impl Route {
    /// Makes topic, queue and subscription.
    ///
    /// # Errors
    /// When the broker does not answer as SNS and SQS do.
    pub fn lay(address: &str, name: &str) -> io::Result<Self> {
        let mut wire = Wire::to(address);
        let queue = text(&sqs(&mut wire, "CreateQueue", &json!({ "QueueName": name }))?["QueueUrl"])?;
        let attributes = sqs(&mut wire, "GetQueueAttributes", &json!({ "QueueUrl": queue, "AttributeNames": ["QueueArn"] }))?;
        let arn = text(&attributes["Attributes"]["QueueArn"])?;
        let made = sns(&mut wire, &format!("Action=CreateTopic&Name={name}"))?;
        let topic = between(&made, "<TopicArn>", "</TopicArn>")?;
        sns(&mut wire, &format!("Action=Subscribe&Protocol=sqs&TopicArn={topic}&Endpoint={arn}"))?;
        Ok(Route { address: address.to_owned(), topic, queue })
    }

    /// Address of the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// A client.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier { wire: Wire::to(&self.address), route: self.clone() }
    }

    /// So many cycles by so many clients at once.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn cycles(&self, clients: usize, each: usize) -> io::Result<()> {
        std::thread::scope(|scope| {
            let work = |_| {
                scope.spawn(move || {
                    let mut courier = self.courier();
                    (0..each).try_for_each(|_| courier.cycle())
                })
            };
            let working: Vec<_> = (0..clients).map(work).collect();
            working.into_iter().try_for_each(|client| client.join().map_err(|_| io::Error::other("a client panicked"))?)
        })
    }
}

impl Courier {
    /// Publishes a message, receives one and deletes it.
    ///
    /// # Errors
    /// When the broker refuses, or brings nothing.
    pub fn cycle(&mut self) -> io::Result<()> {
        let message = "x".repeat(200);
        sns(&mut self.wire, &format!("Action=Publish&TopicArn={}&Subject=restock&Message={message}", self.route.topic))?;
        let wanted = json!({ "QueueUrl": self.route.queue, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 5 });
        let received = sqs(&mut self.wire, "ReceiveMessage", &wanted)?;
        let handle = text(&received["Messages"][0]["ReceiptHandle"])?;
        sqs(&mut self.wire, "DeleteMessage", &json!({ "QueueUrl": self.route.queue, "ReceiptHandle": handle })).map(drop)
    }

    /// Sends `messages` of 200 bytes into the queue, ten at a time.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn pile_up(&mut self, messages: usize) -> io::Result<()> {
        let body = "x".repeat(200);
        self.pile(std::iter::repeat_n(body.as_str(), messages))
    }

    /// Sends these messages into the queue, ten at a time.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn pile<'a>(&mut self, mut bodies: impl Iterator<Item = &'a str>) -> io::Result<()> {
        loop {
            let entry = |(id, body): (usize, &str)| json!({ "Id": id.to_string(), "MessageBody": body });
            let entries: Vec<Value> = bodies.by_ref().take(10).enumerate().map(entry).collect();
            if entries.is_empty() {
                return Ok(());
            }
            sqs(&mut self.wire, "SendMessageBatch", &json!({ "QueueUrl": self.route.queue, "Entries": entries }))?;
        }
    }
}

fn sqs(wire: &mut Wire, action: &str, body: &Value) -> io::Result<Value> {
    let headers = format!("{AUTHORIZATION}Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n");
    let reply = wire.post("/", &headers, &body.to_string())?;
    match reply.status {
        200 if reply.body.is_empty() => Ok(Value::Null),
        200 => serde_json::from_str(&reply.body).map_err(io::Error::other),
        status => Err(io::Error::other(format!("{action}: {status} {}", reply.body))),
    }
}

fn sns(wire: &mut Wire, parameters: &str) -> io::Result<String> {
    let headers = format!("{}Content-Type: application/x-www-form-urlencoded\r\n", AUTHORIZATION.replace("/sqs/", "/sns/"));
    let reply = wire.post("/", &headers, &format!("{parameters}&Version=2010-03-31"))?;
    if reply.status == 200 { Ok(reply.body) } else { Err(io::Error::other(format!("{parameters}: {} {}", reply.status, reply.body))) }
}

fn text(value: &Value) -> io::Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| io::Error::other(format!("a text was expected instead of {value}")))
}

fn between(text: &str, begin: &str, end: &str) -> io::Result<String> {
    let found = text.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    found.map(|(found, _)| found.to_owned()).ok_or_else(|| io::Error::other(format!("no {begin} in {text}")))
}
