//! The parts of a target file about what stands behind the purchase: stock, ledger, factory, queues.

use chaos::plan::{Fields, Mistakes};

use super::Purpose;
use super::places::{FACTORY, check, check_all};
use super::values::{extract, pointer, request, required_extract, rules, template, templates, yes_or_no};
use crate::target::answer::Extract;
use crate::target::database::{Kind, shows_a_password};
use crate::target::speech::Speech;
use crate::target::statement::Statement;
use crate::target::template::Template;
use crate::target::{Ask, AwsPart, Back, Factory, Find, Ledger, QueuePart, Stock};

pub(super) fn stock(top: &mut Fields<'_, '_>, speech: &Speech, purpose: Purpose, mistakes: &mut Mistakes<'_>) -> Option<Stock> {
    let mut table = top.section("stock", mistakes);
    if !table.is_there() {
        return None;
    }
    let mut known = vec!["product".to_owned(), "quantity".to_owned()];
    known.extend(speech.products.iter().flat_map(|product| product.words.keys().map(|word| format!("product.{word}"))));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let database = database(&mut table, mistakes);
    let sql = database.as_ref().map(|(_, kind)| (*kind, purpose));
    let read = ask(&mut table, "read", None, sql, &known, mistakes);
    if !table.has("read") {
        table.missing("read", "read = \"GET /breads/{product}\", or a SELECT with `database`", mistakes);
    }
    let reset = ask(&mut table, "reset", Some("reset_body"), sql, &known, mistakes);
    let at = if database.is_some() {
        extract(&mut table, "at", mistakes).unwrap_or(Extract { at: None, matches: None })
    } else {
        required_extract(&mut table, "at", "at = \"/stock\", where the answer says how many", mistakes)
    };
    let rows = pointer(&mut table, "rows", mistakes);
    let by = pointer(&mut table, "find", mistakes);
    if rows.is_some() && by.is_none() && !table.has("find") {
        table.missing("find", "find = \"/id\", where a row names its product", mistakes);
    }
    table.finish(mistakes);
    let database = database.map(|(url, _)| url);
    Some(Stock { database, read: read?, find: by.map(|by| Find { rows, by }), at, reset })
}

/// `database = "sqlite:///path"` or `"mysql://…"`; with it, questions are SQL.
fn database(table: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<(Template, Kind)> {
    let url = template(table, "database", mistakes)?;
    let (span, field) = (table.span_of("database"), table.full("database"));
    let Some(kind) = Kind::of(url.text()) else {
        let ways = "write \"sqlite:///path/to/shop.db\" or \"mysql://shop:{env:SHOP_PASSWORD}@127.0.0.1:3306/shop\"";
        mistakes.add(&span, format!("`{field}` is not a database that can be read"), ways);
        return Some((url, Kind::Sqlite));
    };
    let known: &[&str] = if kind == Kind::Sqlite { &["data"] } else { &[] };
    check(&url, known, &span, &field, mistakes);
    if kind == Kind::MySql && shows_a_password(url.text()) {
        // The file becomes a part of every run folder.
        let message = format!("`{field}` has a password in it, which everybody would read who gets the file or a run folder");
        mistakes.add(&span, message, "write {env:SHOP_PASSWORD} in its place, and set that variable");
    }
    Some((url, kind))
}

fn ask(
    table: &mut Fields<'_, '_>,
    key: &'static str,
    body_key: Option<&'static str>,
    sql: Option<(Kind, Purpose)>,
    known: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> Option<Ask> {
    let Some((kind, purpose)) = sql else {
        return request(table, key, body_key, known, mistakes).map(Ask::Http);
    };
    let statement = Statement::parse(&table.text(key, mistakes)?, kind);
    let (span, field) = (table.span_of(key), table.full(key));
    check_all(statement.places(), known, &span, &field, mistakes);
    if purpose == Purpose::Asking {
        for misplaced in statement.misplaced() {
            mistakes.add(&span, format!("in `{field}` {misplaced}"), misplaced.way_out());
        }
    }
    Some(Ask::Sql(statement))
}

pub(super) fn ledger(top: &mut Fields<'_, '_>, purpose: Purpose, mistakes: &mut Mistakes<'_>) -> Option<Ledger> {
    let mut table = top.section("ledger", mistakes);
    if !table.is_there() {
        return None;
    }
    let database = database(&mut table, mistakes);
    let sql = database.as_ref().map(|(_, kind)| (*kind, purpose));
    let read = ask(&mut table, "read", Some("body"), sql, &[], mistakes);
    if !table.has("read") {
        table.missing("read", "read = \"GET /orders\", or a SELECT with `database`", mistakes);
    }
    let mut column = |key: &'static str, mistakes: &mut Mistakes<'_>| {
        if database.is_some() { table.text(key, mistakes) } else { pointer(&mut table, key, mistakes) }
    };
    let rows = column("rows", mistakes);
    let (key, product, quantity) = (column("key", mistakes), column("product", mistakes), column("quantity", mistakes));
    for (name, value) in [("key", &key), ("quantity", &quantity)] {
        if value.is_none() && !table.has(name) {
            table.missing(name, "where a row of the ledger says it", mistakes);
        }
    }
    let sold = rules(&mut table, "sold", mistakes);
    table.finish(mistakes);
    let database = database.map(|(url, _)| url);
    Some(Ledger { database, read: read?, rows, key: key?, product, quantity: quantity?, sold })
}

pub(super) fn factory(top: &mut Fields<'_, '_>, speech: &Speech, aws: Option<&AwsPart>, mistakes: &mut Mistakes<'_>) -> Option<Factory> {
    let mut table = top.section("factory", mistakes);
    if !table.is_there() {
        return None;
    }
    let path = table.required_text("path", "path = \"/orders\", where orders are POSTed to", mistakes);
    if table.has("path") && !path.starts_with('/') {
        mistakes.add(&table.span_of("path"), "`factory.path` is not a path", "begin it with a slash");
    }
    let listen = table.quoted("listen", "an address", "write \"127.0.0.1:8081\"", |text| text.parse().ok(), mistakes);
    let product = extract(&mut table, "product", mistakes);
    if product.is_none() && speech.products.len() > 1 {
        table.missing("product", "product = \"/product\", where an order names it", mistakes);
    }
    let units = required_extract(&mut table, "units", "units = \"/count\", where an order says how many", mistakes);
    let production = extract(&mut table, "production", mistakes);
    let accepted = template(&mut table, "accepted", mistakes).unwrap_or_else(|| Template::parse("{}"));
    check_factory(&accepted, &table, "accepted", mistakes);
    let back = back(&mut table, aws, mistakes);
    let factory = Factory {
        listen,
        path,
        product,
        units,
        production,
        accepted,
        back,
        open_per_product: table.count("open_per_product", 1..=1_000_000, mistakes),
        pieces_per_shortage: table.count("pieces_per_shortage", 1..=1_000, mistakes),
    };
    table.finish(mistakes);
    Some(factory)
}

/// `callback` and `callback_body`, or `[factory.delivery]`.
fn back(table: &mut Fields<'_, '_>, aws: Option<&AwsPart>, mistakes: &mut Mistakes<'_>) -> Back {
    let url = template(table, "callback", mistakes);
    let body = template(table, "callback_body", mistakes);
    let mut delivery = table.section("delivery", mistakes);
    if delivery.is_there() {
        let topic = delivery.required_text("topic", "topic = \"…\", one of `aws.topics`", mistakes);
        if !topic.is_empty() && !aws.is_some_and(|aws| aws.topics.contains(&topic)) {
            mistakes.add(&delivery.span_of("topic"), format!("there is no topic {topic:?}"), "list it in `aws.topics`");
        }
        let subject = template(&mut delivery, "subject", mistakes).unwrap_or_else(|| Template::parse("delivery"));
        let message = template(&mut delivery, "message", mistakes).unwrap_or_else(|| Template::parse("{units} of {product} are ready"));
        let attributes = templates(&mut delivery, "attributes", mistakes);
        for template in [&subject, &message].into_iter().chain(attributes.iter().map(|(_, value)| value)) {
            check_factory(template, &delivery, "topic", mistakes);
        }
        if url.is_some() {
            mistakes.add(&table.span_of("callback"), "a factory reports one way", "keep `callback` or [factory.delivery]");
        }
        delivery.finish(mistakes);
        return Back::Publish { topic, subject, message, attributes };
    }
    let Some(url) = url else { return Back::Nothing };
    check_factory(&url, table, "callback", mistakes);
    let body = body.unwrap_or_else(|| {
        table.missing("callback_body", "callback_body = '{\"product\": \"{product}\", \"count\": {units}}'", mistakes);
        Template::parse("")
    });
    check_factory(&body, table, "callback_body", mistakes);
    Back::Call { url, body }
}

fn check_factory(template: &Template, table: &Fields<'_, '_>, key: &str, mistakes: &mut Mistakes<'_>) {
    let from_order: Vec<&str> = template.places().filter(|place| place.starts_with("order:/")).collect();
    let known: Vec<&str> = FACTORY.iter().copied().chain(from_order).collect();
    check(template, &known, &table.span_of(key), &table.full(key), mistakes);
}

pub(super) fn aws(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<AwsPart> {
    let mut table = top.section("aws", mistakes);
    let queues: Vec<Fields<'_, '_>> = top.tables("queue", mistakes);
    if !table.is_there() {
        if let Some(queue) = queues.first() {
            mistakes.add(&queue.span(), "`queue` needs [aws]", "add [aws], which says where queues are");
        }
        return None;
    }
    let endpoint = table.text("endpoint", mistakes);
    if endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("http://")) {
        mistakes.add(&table.span_of("endpoint"), "`aws.endpoint` is not an address", "write \"http://127.0.0.1:4566\"");
    }
    let topics: Vec<String> = table.texts("topics", mistakes).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let mail = yes_or_no(&mut table, "mail", mistakes).unwrap_or(false);
    table.finish(mistakes);
    let queues = queues.into_iter().map(|table| queue(table, &topics, mistakes)).collect();
    Some(AwsPart { endpoint, topics, queues, mail })
}

fn queue(mut table: Fields<'_, '_>, topics: &[String], mistakes: &mut Mistakes<'_>) -> QueuePart {
    let topic = table.text("topic", mistakes);
    if let Some(unknown) = topic.as_ref().filter(|topic| !topics.contains(topic)) {
        mistakes.add(&table.span_of("topic"), format!("there is no topic {unknown:?}"), "list it in `aws.topics`");
    }
    let queue = QueuePart {
        name: table.required_text("name", "name = \"…\", the queue's name", mistakes),
        topic,
        dlq: table.text("dlq", mistakes),
        visibility_timeout: table.some_time("visibility_timeout", mistakes),
        max_receive_count: table.count("max_receive_count", 1..=1_000, mistakes).and_then(|count| count.try_into().ok()),
        production: table.text("production", mistakes),
        product: table.text("product", mistakes),
        units: table.text("units", mistakes),
    };
    table.finish(mistakes);
    queue
}
