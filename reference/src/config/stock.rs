//! What `--stock` says: one number for every product, or numbers for single ones.

use crate::domain::ProductId;
use crate::edition::Edition;
use crate::store::MAX_STOCK;

/// The stock that a product begins with.
pub type StockOverride = (ProductId, i64);

/// A text that is no stock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStock {
    /// Not a number of pieces.
    #[error("{0:?} is not a number of pieces between 0 and {MAX_STOCK}; write for example 20, or CP-502101=20")]
    NotPieces(String),
    /// No such product in the edition.
    #[error("there is no product {named:?}; there are: {known}")]
    UnknownProduct {
        /// What was given.
        named: String,
        /// What exists.
        known: String,
    },
}

/// Reads `20`, or `1=20,2=0`.
///
/// # Errors
/// [`BadStock`] naming the part that cannot be used.
pub fn parse(text: Option<&str>, edition: &Edition) -> Result<Vec<StockOverride>, BadStock> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    let all = |pieces| edition.products.iter().map(|product| (ProductId(product.id.to_owned()), pieces)).collect();
    if !text.contains('=') {
        return pieces(text).map(all);
    }
    text.split(',')
        .map(|part| {
            let (id, number) = part.split_once('=').ok_or_else(|| BadStock::NotPieces(part.to_owned()))?;
            let known = || edition.products.iter().map(|product| product.id);
            if !known().any(|product| product == id.trim()) {
                return Err(BadStock::UnknownProduct { named: id.to_owned(), known: known().collect::<Vec<_>>().join(", ") });
            }
            Ok((ProductId(id.trim().to_owned()), pieces(number)?))
        })
        .collect()
}

fn pieces(text: &str) -> Result<i64, BadStock> {
    text.trim().parse().ok().filter(|pieces| (0..=MAX_STOCK).contains(pieces)).ok_or_else(|| BadStock::NotPieces(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::EditionName;

    #[test]
    fn one_number_means_every_product_and_pairs_mean_single_ones() {
        let shop = EditionName::Shop.edition();
        assert_eq!(parse(Some("7"), shop).unwrap().len(), 3);
        assert_eq!(parse(Some("1=20, 3=0"), shop).unwrap(), [(ProductId("1".into()), 20), (ProductId("3".into()), 0)]);
        assert_eq!(parse(None, shop), Ok(vec![]));
    }

    #[test]
    fn an_unknown_product_or_a_number_out_of_range_is_named() {
        let donut = EditionName::Donut.edition();
        assert!(parse(Some("9=1"), donut).unwrap_err().to_string().contains("CP-502101"));
        assert_eq!(parse(Some("-1"), donut), Err(BadStock::NotPieces("-1".into())));
        assert!(parse(Some("9223372036854775808"), donut).is_err());
    }
}
