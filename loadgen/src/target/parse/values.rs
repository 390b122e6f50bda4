//! Requests, rules and places of values, read from a target file.

use chaos::plan::{Fields, Mistakes};
use http::{HeaderName, Method};
use regex::Regex;

use super::places::check;
use crate::target::answer::{Extract, Rule, Statuses};
use crate::target::speech::RequestTemplate;
use crate::target::template::Template;

/// `key = "POST /path"`, with `headers` and the body under the name given, if it may have one; the places must be among `known`.
pub(super) fn request(
    table: &mut Fields<'_, '_>,
    key: &'static str,
    body_key: Option<&'static str>,
    known: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> Option<RequestTemplate> {
    let way_out = "write a method and a path: \"GET /breads/{product}\"";
    let written = table.quoted(key, "a request", way_out, method_and_path, mistakes);
    let body = body_key.and_then(|key| {
        let body = template(table, key, mistakes)?;
        check(&body, known, &table.span_of(key), &table.full(key), mistakes);
        Some(body)
    });
    let headers = headers(table, mistakes);
    for (_, value) in &headers {
        check(value, known, &table.span_of("headers"), &table.full("headers"), mistakes);
    }
    let (method, path) = written?;
    check(&path, known, &table.span_of(key), &table.full(key), mistakes);
    Some(RequestTemplate { method, path, headers, body })
}

fn method_and_path(text: &str) -> Option<(Method, Template)> {
    let (method, path) = text.trim().split_once(' ')?;
    let path = path.trim();
    let known =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().find(|known| known.as_str() == method)?;
    (path.starts_with('/') && !path.contains([' ', '#'])).then(|| (known, Template::parse(path)))
}

fn headers(table: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (name, value) in templates(table, "headers", mistakes) {
        match name.parse::<HeaderName>() {
            Ok(name) => headers.push((name, value)),
            Err(_) => {
                let span = table.span_of("headers");
                mistakes.add(&span, format!("{name:?} in `{}` is no name of a header", table.full("headers")), "use letters, digits and -");
            }
        }
    }
    headers
}

/// A text with places.
pub(super) fn template(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Template> {
    table.text(key, mistakes).map(|text| Template::parse(&text))
}

/// A table whose keys are data and whose values are texts with places.
pub(super) fn templates(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Vec<(String, Template)> {
    let section = table.section(key, mistakes);
    let mut templates = Vec::new();
    for (name, _, value) in section.entries() {
        match value.get_ref().as_str() {
            Some(text) => templates.push((name, Template::parse(text))),
            None => mistakes.add(&value.span(), format!("`{}` is not a text", section.full(&name)), "put it in quotes"),
        }
    }
    templates
}

/// `key = { status = 200, at = "/result", is = "ok" }`, or a list of such tables of which one must fit.
pub(super) fn rules(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Vec<Rule> {
    let field = table.full(key);
    let alone = table.table(key).is_some();
    let tables = table.tables(key, mistakes);
    tables.into_iter().map(|rule_table| rule(rule_table, &field, alone, mistakes)).collect()
}

fn rule(mut table: Fields<'_, '_>, field: &str, alone: bool, mistakes: &mut Mistakes<'_>) -> Rule {
    let empty = !["status", "at", "is", "matches"].iter().any(|key| table.has(key));
    if empty {
        let way_out = "name a status, a JSON pointer `at`, what `is` there, or a regular expression that `matches` it";
        mistakes.add(&table.span(), format!("`{field}` says nothing"), way_out);
    }
    let rule = Rule {
        status: status(&mut table, mistakes),
        at: pointer(&mut table, "at", mistakes),
        is: table.text("is", mistakes),
        matches: regex(&mut table, field, alone, mistakes),
    };
    table.finish(mistakes);
    rule
}

fn status(table: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Statuses {
    let way_out = "write it in quotes: \"200\", \"4xx\" or \"any\"";
    let read = |text: &str| match text {
        "any" => Some(Statuses::Any),
        text => match text.strip_suffix("xx") {
            Some(class) => class.parse().ok().filter(|class| (1..=5).contains(class)).map(Statuses::Class),
            None => text.parse().ok().filter(|status| (100..=599).contains(status)).map(Statuses::One),
        },
    };
    table.quoted("status", "a status", way_out, read, mistakes).unwrap_or(Statuses::Success)
}

/// A JSON pointer (RFC 6901).
pub(super) fn pointer(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let way_out = "begin it with a slash: \"/left\" or \"/items/0/stock\"";
    table.quoted(key, "a JSON pointer", way_out, |text| text.starts_with('/').then(|| text.to_owned()), mistakes)
}

fn regex(table: &mut Fields<'_, '_>, field: &str, alone: bool, mistakes: &mut Mistakes<'_>) -> Option<Regex> {
    let text = table.text("matches", mistakes)?;
    let field = if alone { format!("{field}.matches") } else { table.full("matches") };
    match Regex::new(&text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{field}` is not a regular expression: {why}");
            mistakes.add(&table.span_of("matches"), message, "see https://docs.rs/regex for what it may contain");
            None
        }
    }
}

/// `key = "/left"`, or `key = { at = "/message", matches = "left: ([0-9]+)" }`.
pub(super) fn extract(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Extract> {
    if !table.has(key) {
        // Asked for all the same, so that it is among the keys that there are.
        return table.text(key, mistakes).map(|_| Extract { at: None, matches: None });
    }
    let field = table.full(key);
    let Some(mut inner) = table.table(key) else {
        return pointer(table, key, mistakes).map(|at| Extract { at: Some(at), matches: None });
    };
    let extract = Extract { at: pointer(&mut inner, "at", mistakes), matches: regex(&mut inner, &field, true, mistakes) };
    if extract.matches.as_ref().is_some_and(|regex| regex.captures_len() < 2) {
        let way_out = "put ( ) around what the value is";
        mistakes.add(&inner.span_of("matches"), format!("`{field}.matches` has no group"), way_out);
    }
    inner.finish(mistakes);
    Some(extract)
}

/// Like [`extract`], for what has to be there.
pub(super) fn required_extract(table: &mut Fields<'_, '_>, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> Extract {
    if !table.has(key) {
        table.missing(key, way_out, mistakes);
    }
    extract(table, key, mistakes).unwrap_or(Extract { at: None, matches: None })
}

/// `true` or `false`.
pub(super) fn yes_or_no(table: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<bool> {
    let read = |text: &str| match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    table.quoted(key, "yes or no", "write \"yes\" or \"no\"", read, mistakes)
}
