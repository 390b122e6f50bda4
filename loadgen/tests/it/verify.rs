//! What the judges say of histories whose truth is known.

mod evidence;
mod generated;
mod orders;
mod pipeline;
mod recovery;
mod scale;
mod shop;
mod stock;
mod story;
mod witness;
