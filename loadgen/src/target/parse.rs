//! From the text of a target file to a checked [`Target`], or to everything that is wrong with it.

mod behind;
mod places;
mod talk;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use chaos::plan::{Fields, Mistake, Mistakes};

use self::places::{START, check};
use super::template::Template;
use super::{Drained, Start, Target};

/// How long a target may take until it is ready, unless its file says otherwise: an interpreted program on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What a target file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To ask the target.
    Asking,
    /// To judge what it once answered. Statements that could not be asked any more are no mistake then.
    Judging,
}

pub(super) fn target(origin: &str, text: &str, purpose: Purpose) -> Result<Target, Vec<Mistake>> {
    let mut mistakes = Mistakes::new(origin, text);
    let table = mistakes.syntax(text);
    let mut top = Fields::top(table.get_ref());
    let name = top.required_text("name", "name = \"…\", what reports call it", &mut mistakes);
    let about = top.required_text("about", "about = \"…\", one sentence on what it is", &mut mistakes);
    let start = start(&mut top, &mut mistakes);
    let url = url(&mut top, start.is_some(), &mut mistakes);
    let speech = talk::speech(&mut top, &mut mistakes);
    let aws = behind::aws(&mut top, &mut mistakes);
    let factory = behind::factory(&mut top, &speech, aws.as_ref(), &mut mistakes);
    let target = Target {
        name,
        about,
        url,
        promises_goods: speech.purchase.promises_goods.unwrap_or(factory.is_some()),
        stock: behind::stock(&mut top, &speech, purpose, &mut mistakes),
        ledger: behind::ledger(&mut top, purpose, &mut mistakes),
        drained: drained(&mut top, &mut mistakes),
        speech,
        start,
        factory,
        aws,
        folder: PathBuf::from("."),
        text: text.to_owned(),
    };
    check_start(&target, &top, &mut mistakes);
    top.finish(&mut mistakes);
    mistakes.into_result().map(|()| target)
}

/// Where the API is. A target that the harness starts listens on a port that the harness chose.
fn url(top: &mut Fields<'_, '_>, started: bool, mistakes: &mut Mistakes<'_>) -> Template {
    let default = "http://127.0.0.1:{port}";
    let text = top.text("url", mistakes);
    if text.is_none() && !started {
        top.missing("url", "url = \"http://127.0.0.1:8000\", where it listens; or say in [start] how to start it", mistakes);
    }
    let url = Template::parse(text.as_deref().unwrap_or(default));
    if !url.text().starts_with("http://") {
        let way_out = "write http://HOST:PORT; what speaks TLS only is reached through a proxy that ends it";
        mistakes.add(&top.span_of("url"), "`url` is not the address of a plain HTTP server", way_out);
    }
    let known: &[&str] = if started { &["port"] } else { &[] };
    check(&url, known, &top.span_of("url"), "url", mistakes);
    url
}

fn start(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Start> {
    let mut table = top.section("start", mistakes);
    if !table.is_there() {
        return None;
    }
    let command = table.texts("command", mistakes);
    if !table.has("command") || command.as_ref().is_some_and(Vec::is_empty) {
        table.missing("command", "command = [\"python3\", \"shop.py\"], the program and its arguments", mistakes);
    }
    let command = command.unwrap_or_default().into_iter().map(|(text, _)| Template::parse(&text)).collect();
    let ready = table.text("ready", mistakes);
    if ready.as_ref().is_some_and(|path| !path.starts_with('/')) {
        mistakes.add(
            &table.span_of("ready"),
            "`start.ready` is not a path",
            "write \"/health\", or leave it out to wait for the port alone",
        );
    }
    let start = Start {
        command,
        folder: PathBuf::from(table.text("folder", mistakes).unwrap_or_default()),
        env: values::templates(&mut table, "env", mistakes),
        ready,
        ready_within: table.some_time("ready_within", mistakes).unwrap_or(READY_WITHIN),
        stop_within: table.some_time("stop_within", mistakes).unwrap_or(STOP_WITHIN),
    };
    table.finish(mistakes);
    Some(start)
}

/// Places of command and environment, which may name topics, queues and products.
fn check_start(target: &Target, top: &Fields<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let Some(start) = &target.start else { return };
    let mut known: Vec<String> = START.iter().map(|name| (*name).to_owned()).collect();
    if let Some(aws) = &target.aws {
        known.push("aws_endpoint".to_owned());
        known.extend(aws.topics.iter().map(|topic| format!("topic_arn:{topic}")));
        let queues = aws.queues.iter().flat_map(|queue| std::iter::once(&queue.name).chain(&queue.dlq));
        known.extend(queues.map(|queue| format!("queue_url:{queue}")));
    }
    if target.factory.is_some() {
        known.push("factory_url".to_owned());
    }
    known.extend(target.speech.products.iter().map(|product| format!("stock:{}", product.id)));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let span = top.span_of("start");
    for template in start.command.iter().chain(start.env.iter().map(|(_, value)| value)) {
        check(template, &known, &span, "start", mistakes);
    }
}

fn drained(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Drained {
    let mut table = top.section("drained", mistakes);
    let path = table.text("get", mistakes);
    let when = values::rules(&mut table, "when", mistakes);
    let when = match path {
        Some(path) if path.starts_with('/') => Some((path, when)),
        Some(_) => {
            mistakes.add(&table.span_of("get"), "`drained.get` is not a path", "write \"/status\"");
            None
        }
        None if !when.is_empty() => {
            table.missing("get", "get = \"/status\", the path whose answer `when` is about", mistakes);
            None
        }
        None => None,
    };
    let quiet_for = table.duration("quiet_for", mistakes);
    table.finish(mistakes);
    Drained { when, quiet_for }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
name = "smallest"
about = "The fewest lines that describe a shop."
url = "http://127.0.0.1:8000"
[[product]]
id = "rye"
[purchase]
request = "POST /orders"
body = '{"bread": "{product}", "count": {quantity}}'
sold = { at = "/result", is = "ok" }
sold_out = { at = "/result", is = "sorry" }
[stock]
read = "GET /breads/{product}"
at = "/left"
"#;

    fn mistakes(text: &str) -> Vec<String> {
        target("t.toml", text, Purpose::Asking).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn thirteen_lines_describe_a_shop() {
        let target = target("t.toml", SMALLEST, Purpose::Asking).unwrap();
        assert_eq!(SMALLEST.trim().lines().count(), 13);
        assert!(target.start.is_none() && target.factory.is_none() && !target.promises_goods && !target.speech.is_repeatable());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_place_and_the_way_out() {
        let text = SMALLEST
            .replace("url = \"http://127.0.0.1:8000\"", "url = \"https://shop.example\"")
            .replace("POST /orders", "orders")
            .replace("{quantity}", "{quantty}")
            .replace("is = \"sorry\"", "matches = \"(\"")
            .replace("at = \"/left\"", "at = \"left\"\nreed = 1");
        assert_eq!(
            mistakes(&text),
            [
                "t.toml:4:7: `url` is not the address of a plain HTTP server; write http://HOST:PORT; what speaks TLS only is reached through a proxy that ends it",
                "t.toml:8:11: `purchase.request` is not a request; write a method and a path: \"GET /breads/{product}\"",
                "t.toml:9:8: nothing is known for the place {quantty} in `purchase.body`; did you mean {quantity}?",
                "t.toml:11:40: `purchase.sold_out.matches` is not a regular expression: unclosed group; see https://docs.rs/regex for what it may contain",
                "t.toml:14:6: `stock.at` is not a JSON pointer; begin it with a slash: \"/left\" or \"/items/0/stock\"",
                "t.toml:15:1: unknown key `stock.reed`; did you mean `read`?",
            ]
        );
    }

    #[test]
    fn a_place_in_quotation_marks_is_refused_where_sql_would_be_asked_and_no_obstacle_to_judging_an_old_run() {
        let (http, sql) = ("read = \"GET /breads/{product}\"\nat = \"/left\"", "SELECT n FROM breads WHERE id = '{product}'");
        let text = SMALLEST.replace(http, &format!("database = \"sqlite:///shop.db\"\nread = \"{sql}\""));
        assert_eq!(
            mistakes(&text),
            ["t.toml:14:8: in `stock.read` the place {product} stands in quotation marks; it becomes a parameter, which has none; \
              write {product} without the quotation marks"]
        );
        let judged = target("t.toml", &text, Purpose::Judging).unwrap();
        let Some(crate::target::Stock { read: crate::target::Ask::Sql(statement), .. }) = judged.stock else { panic!("no statement") };
        assert!(statement.bound(|_| Some(1.into())).is_err(), "nothing is asked that is not bound");
    }

    #[test]
    fn what_cannot_be_left_out_is_asked_for() {
        let found = mistakes("[purchase]\nsold = {}\n");
        for part in ["`name` is missing", "`about` is missing", "`url` is missing", "`product` is missing", "`purchase.request` is missing"]
        {
            assert!(found.iter().any(|mistake| mistake.contains(part)), "{part}: {found:#?}");
        }
        assert!(found.iter().any(|mistake| mistake.contains("`purchase.sold` says nothing")), "{found:#?}");
    }
}
