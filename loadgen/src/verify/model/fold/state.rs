//! Rows of the final state into the model.

use super::super::{Call, DeadLetterRow, Model, NONE, flag, id_flag};
use super::{id_for, ledger_mark, mark};
use crate::history::event::{BusinessIds, Final};
use crate::verify::expectations::RecordedBy;
use crate::verify::fingerprint::{Fingerprint, Kind};
use crate::verify::model::MessageRow;
use crate::verify::state::Table;

impl Model {
    pub(super) fn final_row(&mut self, row: &Final) {
        match row {
            Final::Order { order, key, product, quantity, sold, production } => {
                self.ledger_order(order, key.as_deref(), (product, *quantity), *sold, production.as_deref());
            }
            Final::Production { production, product, quantity, shortage, applied } => {
                let product = self.product(product);
                let row = self.production(production);
                let row = &mut self.productions[row as usize];
                row.rows += 1;
                row.product = product;
                row.quantity = pieces(*quantity);
                row.shortage = pieces(*shortage);
                row.applied |= *applied;
            }
            Final::Restock { production, product, quantity } => self.restock(production, product, pieces(*quantity)),
            Final::PossibleRestock { production, product, quantity } => self.possible_restock(production, product, pieces(*quantity)),
            Final::Adjustment { product, delta } => {
                let product = self.product(product);
                let product = &mut self.products[product as usize];
                let sum = if *delta > 0 { &mut product.adjusted_up } else { &mut product.adjusted_down };
                *sum = sum.saturating_add(*delta);
            }
            Final::Receipt { consumer, id } => {
                let consumers = self.consumers.iter().take(MessageRow::CONSUMERS);
                if let Some(consumer) = consumers.into_iter().position(|known| known.name == *consumer) {
                    let row = self.message(id);
                    self.messages[row as usize].done_by(consumer);
                }
            }
            Final::DeadLetter { queue, ids, poison, .. } => self.dead_letter(queue, ids, *poison),
            Final::Queue(depth) => {
                let left = depth.visible + depth.in_flight + depth.delayed;
                if !depth.dead_letter && left > 0 {
                    let queue = self.queue_names.intern(&depth.queue);
                    self.residual.push((queue, left));
                }
            }
            Final::Mail { product, episode, .. } => self.mail(product, episode.as_deref()),
            Final::Episode { episode, product } => {
                let product = self.product(product);
                let row = self.episode(episode);
                let row = &mut self.episodes[row as usize];
                row.exists = true;
                row.product = product;
            }
            Final::FactoryCall { .. } => self.factory_call(row),
            Final::FactoryLimits { capacity, open_per_product, pieces_per_shortage } => {
                self.factory_limits = Some((*capacity, *open_per_product, *pieces_per_shortage));
            }
            Final::Operation { order, sold } => {
                let id = self.order_id(order);
                if self.ids[id as usize].flags & (id_flag::OPERATION_SOLD | id_flag::OPERATION_REFUSED) != 0 {
                    mark(&mut self.ids, id, id_flag::OPERATION_TWICE);
                }
                mark(&mut self.ids, id, if *sold { id_flag::OPERATION_SOLD } else { id_flag::OPERATION_REFUSED });
            }
            Final::Stock { product, stock } => {
                let product = self.product(product);
                self.products[product as usize].last = Some(*stock);
                if *stock < 0 {
                    self.seen_below_zero(None, product, *stock, "the final state");
                }
            }
            Final::Redelivered { deliveries, .. } => self.redelivered += deliveries,
            Final::NotExposed { what, why } => match Table::named(what) {
                Some(table) => {
                    self.not_exposed.insert(table, why.clone());
                }
                None => self.unknown_tables.push(what.clone()),
            },
        }
    }

    fn ledger_order(
        &mut self,
        order_id: &str,
        key: Option<&str>,
        (product_name, quantity): (&str, u64),
        sold: bool,
        production: Option<&str>,
    ) {
        let product = self.product(product_name);
        let id = self.order_id(order_id);
        let by_key = key.and_then(|key| {
            // Should another body under this key have been sold, it is that one that the row is about.
            let honest = self.keys.find(Fingerprint::of(Kind::Key, key));
            let other = if self.keys_reused { self.keys.find(Fingerprint::of_body(key, product_name, quantity)) } else { None };
            other.or(honest)
        });
        let by_id = Some(self.ids[id as usize].order).filter(|order| *order != NONE);
        // An order that nobody attempted gets a row of its own.
        let row = by_key.or(by_id).unwrap_or_else(|| {
            self.order(key.map_or_else(|| Fingerprint::of(Kind::Order, order_id), |key| Fingerprint::of(Kind::Key, key)))
        });
        mark(&mut self.ids, id, ledger_mark(sold));
        if self.ids[id as usize].order == NONE {
            self.ids[id as usize].order = row;
        }
        let asked = u32::try_from(quantity).unwrap_or(u32::MAX);
        let order = &mut self.orders[row as usize];
        if !order.is(flag::ATTEMPTED) && order.product == NONE {
            order.product = product;
            order.quantity = asked;
        } else if sold && (order.product, order.quantity) != (product, asked) {
            order.flags |= flag::LEDGER_DIFFERS;
        }
        if order.order_id == NONE {
            order.order_id = id;
        }
        if sold {
            order.ledger_sold = order.ledger_sold.saturating_add(1);
            let sum = &mut self.products[product as usize].ledger_sold;
            *sum = sum.saturating_add(pieces(quantity));
        } else {
            order.ledger_refused = order.ledger_refused.saturating_add(1);
        }
        if let Some(production) = production {
            let production = self.production(production);
            if self.productions[production as usize].product == NONE {
                self.productions[production as usize].product = product;
            }
            let order = &mut self.orders[row as usize];
            if order.production == NONE {
                order.production = production;
            } else if order.production != production {
                order.flags |= flag::TWO_PRODUCTIONS;
                self.second_promises.push((row, production, false));
            }
        }
    }

    fn restock(&mut self, production: &str, product: &str, pieces: i64) {
        let product = self.product(product);
        let production = self.production(production);
        let sum = &mut self.products[product as usize].restocked;
        *sum = sum.saturating_add(pieces);
        let row = &mut self.productions[production as usize];
        row.restock_rows += 1;
        row.restocked = row.restocked.saturating_add(pieces);
        row.restocked_product = product;
        if row.product == NONE {
            row.product = product;
        }
    }

    fn possible_restock(&mut self, production: &str, product: &str, pieces: i64) {
        let product = self.product(product);
        let production = self.production(production);
        let sum = &mut self.products[product as usize].restock_possible;
        *sum = sum.saturating_add(pieces);
        let row = &mut self.productions[production as usize];
        row.possible = row.possible.saturating_add(pieces);
        if row.restocked_product == NONE {
            row.restocked_product = product;
        }
        if row.product == NONE {
            row.product = product;
        }
    }

    fn dead_letter(&mut self, queue: &str, ids: &BusinessIds, poison: bool) {
        let consumer = self.consumers.iter().position(|consumer| consumer.dead_letter_queue == queue);
        let recorded_by = consumer.map(|consumer| self.consumers[consumer].recorded_by);
        let id = recorded_by.and_then(|recorded_by| id_for(recorded_by, ids)).or(ids.message.as_deref());
        let message = id.map_or(NONE, |id| self.message(id));
        if let Some(row) = self.messages.get_mut(message as usize) {
            row.captured = true;
            if let Some(consumer) = consumer.filter(|consumer| *consumer < MessageRow::CONSUMERS) {
                row.captured_from(consumer);
            }
        }
        if let Some(own) = &ids.message {
            let row = self.message(own);
            self.messages[row as usize].captured = true;
        }
        // A message about a production may sit in the queue of the advertisers too, and no goods ever come from there.
        let about_goods = recorded_by.is_none_or(|recorded_by| recorded_by == RecordedBy::Production);
        if let Some(production) = ids.production.as_deref().filter(|_| about_goods) {
            let row = self.production(production);
            self.productions[row as usize].captured = true;
        }
        if let Some(order) = ids.order.as_deref().filter(|_| matches!(recorded_by, Some(RecordedBy::Message | RecordedBy::Order))) {
            let id = self.order_id(order);
            mark(&mut self.ids, id, id_flag::CAPTURED);
        }
        let queue = self.queue_names.intern(queue);
        let unattributed_request = about_goods && ids.production.is_none() && !poison;
        self.dead_letters.push(DeadLetterRow { queue, message, poison, unattributed_request });
    }

    fn mail(&mut self, product: &str, episode: Option<&str>) {
        self.mails += 1;
        let product = self.product(product);
        let Some(episode) = episode else {
            self.products[product as usize].mails_without_episode += 1;
            return;
        };
        let row = self.episode(episode);
        let row = &mut self.episodes[row as usize];
        row.mails += 1;
        if row.named == NONE {
            row.named = product;
        } else if row.named != product {
            row.mails_elsewhere += 1;
        }
    }

    fn factory_call(&mut self, row: &Final) {
        let Final::FactoryCall { production, product, quantity, received_unix_us, answered_unix_us, accepted, produced_unix_us, callbacks } =
            row
        else {
            return;
        };
        let product = self.product(product);
        let production = production.as_deref().map_or(NONE, |production| self.production(production));
        self.calls.push(Call {
            production,
            product,
            quantity: pieces(*quantity),
            received: *received_unix_us,
            answered: *answered_unix_us,
            accepted: *accepted,
            produced: *produced_unix_us,
            callbacks: *callbacks,
        });
    }
}

fn pieces(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX)
}
