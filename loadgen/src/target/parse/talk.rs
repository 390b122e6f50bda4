//! The parts of a target file that buyers need: products, pages, purchases.

use std::collections::BTreeMap;

use chaos::plan::{Fields, Mistakes};
use http::HeaderName;

use super::places::{BUYER, check};
use super::values::{extract, request, rules, template, yes_or_no};
use crate::target::speech::{Browse, ProductWords, Promised, Purchase, RequestTemplate, Speech};
use crate::target::template::Template;

pub(super) fn speech(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Speech {
    let products = products(top, mistakes);
    let mut known: Vec<String> = BUYER.iter().map(|name| (*name).to_owned()).collect();
    // A word that only some products have could not be filled for the others.
    let common = products.first().map(|first| first.words.keys()).into_iter().flatten();
    let common = common.filter(|word| products.iter().all(|product| product.words.contains_key(*word)));
    known.extend(common.map(|word| format!("product.{word}")));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Speech { browse: browse(top, &known, mistakes), purchase: purchase(top, &known, mistakes), products }
}

/// `[[product]]`: an id, and further words.
fn products(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Vec<ProductWords> {
    let tables = top.tables("product", mistakes);
    if tables.is_empty() && !top.has("product") {
        top.missing("product", "add [[product]] with id = \"…\", once for each product that is bought", mistakes);
    }
    let mut products: Vec<ProductWords> = Vec::new();
    for mut table in tables {
        let id = table.required_text("id", "id = \"…\", what stands at {product}", mistakes);
        let mut words = BTreeMap::new();
        for (name, _, value) in table.entries().into_iter().filter(|(name, ..)| name != "id") {
            match value.get_ref().as_str() {
                Some(text) => drop(words.insert(name, text.to_owned())),
                None => mistakes.add(&value.span(), format!("`{}` is not a text", table.full(&name)), "put it in quotes"),
            }
        }
        if products.iter().any(|known| known.id == id) {
            mistakes.add(&table.span_of("id"), format!("two products have the id {id:?}"), "give each an id of its own");
        }
        products.push(ProductWords { id, words });
    }
    products
}

fn browse(top: &mut Fields<'_, '_>, known: &[&str], mistakes: &mut Mistakes<'_>) -> Option<Browse> {
    let mut table = top.section("browse", mistakes);
    if !table.is_there() {
        return None;
    }
    let request = required_request(&mut table, known, mistakes);
    let shown = rules(&mut table, "shown", mistakes);
    if shown.is_empty() && !table.has("shown") {
        table.missing("shown", "shown = { at = \"/stock\" }, what a page looks like", mistakes);
    }
    let left = extract(&mut table, "left", mistakes);
    table.finish(mistakes);
    Some(Browse { request: request?, shown, left })
}

fn required_request(table: &mut Fields<'_, '_>, known: &[&str], mistakes: &mut Mistakes<'_>) -> Option<RequestTemplate> {
    if !table.has("request") {
        table.missing("request", "request = \"POST /orders\", a method and a path", mistakes);
    }
    request(table, "request", Some("body"), known, mistakes)
}

fn purchase(top: &mut Fields<'_, '_>, known: &[&str], mistakes: &mut Mistakes<'_>) -> Purchase {
    let mut table = top.section("purchase", mistakes);
    if !table.is_there() {
        mistakes.add(&(0..0), "`purchase` is missing", "add [purchase], which says how one buys");
    }
    let written = required_request(&mut table, known, mistakes);
    let idempotency = table.text("idempotency_header", mistakes).and_then(|name| name.parse::<HeaderName>().ok());
    if table.has("idempotency_header") && idempotency.is_none() {
        mistakes.add(
            &table.span_of("idempotency_header"),
            "`purchase.idempotency_header` is no name of a header",
            "write \"Idempotency-Key\"",
        );
    }
    let unknown = template(&mut table, "unknown", mistakes);
    if let Some(unknown) = &unknown {
        check(unknown, &[], &table.span_of("unknown"), "purchase.unknown", mistakes);
    }
    let sold = rules(&mut table, "sold", mistakes);
    let sold_out = rules(&mut table, "sold_out", mistakes);
    for (key, rules) in [("sold", &sold), ("sold_out", &sold_out)] {
        if rules.is_empty() && table.is_there() && !table.has(key) {
            table.missing(key, "how to tell it: { at = \"/result\", is = \"ok\" } or { matches = \"^sold\" }", mistakes);
        }
    }
    let purchase = Purchase {
        request: written.unwrap_or_else(nothing_to_send),
        idempotency,
        unknown,
        sold,
        sold_out,
        rejected: rules(&mut table, "rejected", mistakes),
        order: extract(&mut table, "order", mistakes),
        production: promised(&mut table, mistakes),
        units: extract(&mut table, "units", mistakes),
        left: extract(&mut table, "left", mistakes),
        promises_goods: yes_or_no(&mut table, "sold_out_promises_goods", mistakes),
    };
    table.finish(mistakes);
    purchase
}

/// `production = "/production_id"`, or `production = "{key}"` where each refusal is made good under its own key.
fn promised(table: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Promised> {
    let is_table = table.table("production").is_some();
    let written = table.entries().into_iter().find(|(name, ..)| name == "production").and_then(|(_, _, value)| value.get_ref().as_str());
    match written {
        Some("{key}") if !is_table => Some(Promised::Key),
        _ => extract(table, "production", mistakes).map(Promised::Named),
    }
}

/// Stands in for a request that the file does not have, which is a mistake that was noted.
fn nothing_to_send() -> RequestTemplate {
    RequestTemplate { method: http::Method::POST, path: Template::parse("/"), headers: Vec::new(), body: None }
}
