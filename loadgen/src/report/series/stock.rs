//! How much stock there can have been at each moment, from what buyers were told and what was seen to arrive.
//!
//! *At most* counts only sales that were certainly made (their answer has come) and all restocks that may have happened (from the first
//! mention of their production on). *At least* counts sales from the moment their order was first sent, and restocks only once they
//! were seen. Both become exact in hindsight: a sale that the ledger turned out not to hold never counted.

use std::collections::HashMap;

use super::column::{Column, Latest, Sum};
use crate::history::event::Micros;
use crate::result::series::StockColumns;

/// Most products of which columns are kept; the rest are counted only.
const MOST_PRODUCTS: usize = 64;

/// Most products that are drawn: more curves than this nobody tells apart.
const MOST_DRAWN: usize = 8;

/// All products.
#[derive(Debug, Default)]
pub(super) struct Stocks {
    by_name: HashMap<String, usize>,
    products: Vec<Product>,
    productions: HashMap<String, Production>,
    products_beyond: u64,
}

#[derive(Debug, Default)]
struct Product {
    name: String,
    initial: i64,
    orders: u64,
    seen: Column<Latest>,
    at_least: Column<Sum>,
    at_most: Column<Sum>,
}

#[derive(Debug, Clone, Copy)]
struct Production {
    mentioned: Micros,
    counted: bool,
}

/// When something can have happened at the earliest, and when it certainly had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) possible: Micros,
    /// None: it never became certain.
    pub(super) certain: Option<Micros>,
}

impl Stocks {
    /// The index of a product; None when there are too many to keep.
    pub(super) fn product(&mut self, name: &str) -> Option<usize> {
        if let Some(index) = self.by_name.get(name) {
            return Some(*index);
        }
        if self.products.len() == MOST_PRODUCTS {
            self.products_beyond += 1;
            return None;
        }
        self.products.push(Product { name: name.to_owned(), ..Product::default() });
        self.by_name.insert(name.to_owned(), self.products.len() - 1);
        Some(self.products.len() - 1)
    }

    /// Stock when the load began.
    pub(super) fn initial(&mut self, name: &str, pieces: i64) {
        if let Some(index) = self.product(name) {
            self.products[index].initial = pieces;
        }
    }

    /// Somebody ordered it; the busiest products are drawn.
    pub(super) fn ordered(&mut self, product: usize) {
        self.products[product].orders += 1;
    }

    /// Stock as it was read.
    pub(super) fn sampled(&mut self, name: &str, pieces: i64, bucket: usize) {
        if let Some(index) = self.product(name) {
            self.products[index].seen.at(bucket).see(pieces);
        }
    }

    /// Pieces left within a window of time.
    pub(super) fn sold(&mut self, product: usize, pieces: i64, window: Window, bucket: impl Fn(Micros) -> usize) {
        let product = &mut self.products[product];
        product.at_least.add(bucket(window.possible), -pieces);
        if let Some(certain) = window.certain {
            product.at_most.add(bucket(certain), -pieces);
        }
    }

    /// Pieces were added or taken by hand, nobody knows when.
    pub(super) fn adjusted(&mut self, name: &str, delta: i64) {
        if let Some(index) = self.product(name) {
            self.products[index].at_least.add(0, delta.min(0));
            self.products[index].at_most.add(0, delta.max(0));
        }
    }

    /// A production was spoken of: from here on its goods may arrive.
    pub(super) fn mentioned(&mut self, production: &str, at: Micros) {
        match self.productions.get_mut(production) {
            Some(known) => known.mentioned = known.mentioned.min(at),
            None => {
                self.productions.insert(production.to_owned(), Production { mentioned: at, counted: false });
            }
        }
    }

    /// Goods certainly had arrived by `at`. True the first time it is said of a production.
    pub(super) fn restocked(&mut self, production: &str, name: &str, pieces: i64, at: Micros, bucket: impl Fn(Micros) -> usize) -> bool {
        let known = self.productions.entry(production.to_owned()).or_insert(Production { mentioned: 0, counted: false });
        if std::mem::replace(&mut known.counted, true) {
            return false;
        }
        let possible = known.mentioned.min(at);
        if let Some(index) = self.product(name) {
            self.products[index].at_most.add(bucket(possible), pieces);
            self.products[index].at_least.add(bucket(at), pieces);
        }
        true
    }

    /// Merges neighbouring buckets.
    pub(super) fn halve(&mut self) {
        for product in &mut self.products {
            product.seen.halve();
            product.at_least.halve();
            product.at_most.halve();
        }
    }

    /// The busiest products' columns, and how many products are not among them.
    pub(super) fn finish(mut self, buckets: usize) -> (Vec<StockColumns>, u64) {
        self.products.sort_by(|a, b| b.orders.cmp(&a.orders).then_with(|| a.name.cmp(&b.name)));
        let beyond = self.products.len().saturating_sub(MOST_DRAWN) as u64 + self.products_beyond;
        (self.products.into_iter().take(MOST_DRAWN).map(|product| product.columns(buckets)).collect(), beyond)
    }
}

impl Product {
    fn columns(mut self, buckets: usize) -> StockColumns {
        self.at_least.add(0, self.initial);
        self.at_most.add(0, self.initial);
        let at_most = self.at_most.running(buckets);
        // Orders on the way may exceed what there is; a sound system refuses some of them, so "at least" is not pulled below zero by them.
        let at_least = self.at_least.running(buckets).into_iter().zip(&at_most).map(|(least, most)| least.max(0.min(*most))).collect();
        StockColumns { product: self.name, seen: self.seen.values(buckets, |seen| seen.0), at_least, at_most }
    }
}
