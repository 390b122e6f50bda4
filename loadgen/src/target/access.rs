//! Stock and ledger of a target, as its file says how to read them.

use serde_json::Value;

use super::answer::Reply;
use super::ask::Asker;
use super::database::{Database, TextRow};
use super::speech::{ProductWords, Speech};
use super::template::{Template, text_of};
use super::{Ask, Ledger, Stock};
use crate::observe::http::ReadError;

/// Reads and sets what the file gives access to.
#[derive(Debug, Clone)]
pub(super) struct Access {
    url: String,
    asker: Asker,
    stock: Option<(Stock, Option<Database>)>,
    ledger: Option<(Ledger, Option<Database>)>,
}

/// An order as a target's ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerRow {
    pub(super) key: String,
    pub(super) product: Option<String>,
    pub(super) quantity: u64,
    pub(super) sold: bool,
}

impl Access {
    /// `database` finds the database of an address.
    ///
    /// # Errors
    /// Those of `database`.
    pub(super) fn new<E>(
        url: &str,
        stock: Option<&Stock>,
        ledger: Option<&Ledger>,
        database: impl Fn(&Template) -> Result<Database, E>,
    ) -> Result<Self, E> {
        let found = |address: &Option<Template>| address.as_ref().map(&database).transpose();
        Ok(Self {
            url: url.to_owned(),
            asker: Asker::default(),
            stock: stock.map(|stock| Ok((stock.clone(), found(&stock.database)?))).transpose()?,
            ledger: ledger.map(|ledger| Ok((ledger.clone(), found(&ledger.database)?))).transpose()?,
        })
    }

    /// Pieces in stock of a product; None when the file does not say how to read it.
    ///
    /// # Errors
    /// [`ReadError`], naming what was asked and what came.
    pub(super) async fn stock(&self, product: &ProductWords) -> Result<Option<i64>, ReadError> {
        let Some((stock, database)) = &self.stock else { return Ok(None) };
        let pieces = match (&stock.read, database) {
            (Ask::Sql(statement), Some(database)) => {
                let rows = database.rows(statement, |place| value(place, product, None)).await?;
                let failed = || self.failed(&format!("no whole number came from {}", statement.text()));
                rows.first().and_then(TextRow::first_number).ok_or_else(failed)?
            }
            (Ask::Http(request), _) => {
                let spoken = request.fill(&|place: &str| value(place, product, None)).map_err(|place| self.unfilled(&place))?;
                let said = self.asker.send(&self.url, &spoken).await?;
                let reply = Reply::of(said.status, &said.body);
                let failed = |why: String| ReadError { url: format!("{}{}", self.url, spoken.path), reason: why };
                if said.status != 200 {
                    return Err(failed(format!("answered {}", said.status)));
                }
                let row = match &stock.find {
                    None => reply,
                    Some(find) => {
                        let json = reply.json.as_ref().and_then(|json| find.rows.as_ref().map_or(Some(json), |rows| json.pointer(rows)));
                        let rows = json.and_then(Value::as_array).ok_or_else(|| failed("no list of rows came".to_owned()))?;
                        let is_it = |row: &&Value| row.pointer(&find.by).is_some_and(|id| text_of(id) == product.id.as_str());
                        let row = rows.iter().find(is_it).ok_or_else(|| failed(format!("no row of {} came", product.id)))?;
                        Reply { status: 200, text: row.to_string().into(), json: Some(row.clone()) }
                    }
                };
                stock.at.number(&row).ok_or_else(|| failed(format!("no whole number at {} in {}", stock.at.words(), short(&row.text))))?
            }
            (Ask::Sql(_), None) => return Err(self.failed("SQL without a database")),
        };
        Ok(Some(pieces))
    }

    /// Sets the stock; false when the file does not say how.
    ///
    /// # Errors
    /// [`ReadError`] when it is refused.
    pub(super) async fn set_stock(&self, product: &ProductWords, pieces: i64) -> Result<bool, ReadError> {
        let Some((Stock { reset: Some(reset), .. }, database)) = &self.stock else { return Ok(false) };
        match (reset, database) {
            (Ask::Sql(statement), Some(database)) => {
                drop(database.rows(statement, |place| value(place, product, Some(pieces))).await?);
            }
            (Ask::Http(request), _) => {
                let spoken = request.fill(&|place: &str| value(place, product, Some(pieces))).map_err(|place| self.unfilled(&place))?;
                let said = self.asker.send(&self.url, &spoken).await?;
                if !(200..300).contains(&said.status) {
                    let reason = format!("setting the stock was answered {}: {}", said.status, short(&String::from_utf8_lossy(&said.body)));
                    return Err(ReadError { url: format!("{}{}", self.url, spoken.path), reason });
                }
            }
            (Ask::Sql(_), None) => return Err(self.failed("SQL without a database")),
        }
        Ok(true)
    }

    /// Every order, when the file says how to read them.
    ///
    /// # Errors
    /// [`ReadError`], naming what was asked and what came.
    pub(super) async fn orders(&self) -> Result<Option<Vec<LedgerRow>>, ReadError> {
        let Some((ledger, database)) = &self.ledger else { return Ok(None) };
        let rows: Option<Vec<LedgerRow>> = match (&ledger.read, database) {
            (Ask::Sql(statement), Some(database)) => {
                database.rows(statement, |_| None).await?.iter().map(|row| row_of(ledger, |name| row.column(name), true)).collect()
            }
            (Ask::Http(request), _) => {
                let spoken = request.fill(&|_: &str| None).map_err(|place| self.unfilled(&place))?;
                let said = self.asker.send(&self.url, &spoken).await?;
                if said.status != 200 {
                    return Err(ReadError { url: format!("{}{}", self.url, spoken.path), reason: format!("answered {}", said.status) });
                }
                let json = serde_json::from_slice::<Value>(&said.body).ok();
                let list = json.as_ref().and_then(|json| ledger.rows.as_ref().map_or(Some(json), |rows| json.pointer(rows)));
                let Some(list) = list.and_then(Value::as_array) else { return Err(self.failed("the ledger is no list of rows")) };
                list.iter().map(|row| json_row(ledger, row)).collect()
            }
            (Ask::Sql(_), None) => return Err(self.failed("SQL without a database")),
        };
        rows.map(Some).ok_or_else(|| self.failed("a row of the ledger has no key or no whole number of pieces"))
    }

    /// Whether an answer to a GET of `path` fits one of the rules (any answer of 200, without rules).
    ///
    /// # Errors
    /// [`ReadError`] when none comes.
    pub(super) async fn says(&self, path: &str, rules: &[super::answer::Rule]) -> Result<bool, ReadError> {
        let said = self.asker.send(&self.url, &super::speech::Spoken::get(path)).await?;
        Ok(if rules.is_empty() { said.status == 200 } else { super::answer::any_fits(rules, &Reply::of(said.status, &said.body)) })
    }

    fn failed(&self, reason: &str) -> ReadError {
        ReadError { url: self.url.clone(), reason: reason.to_owned() }
    }

    fn unfilled(&self, place: &str) -> ReadError {
        self.failed(&format!("nothing is known for the place {{{place}}}"))
    }
}

fn json_row(ledger: &Ledger, row: &Value) -> Option<LedgerRow> {
    let reply = Reply { status: 200, text: row.to_string().into(), json: Some(row.clone()) };
    let sold = ledger.sold.is_empty() || super::answer::any_fits(&ledger.sold, &reply);
    row_of(ledger, |pointer| row.pointer(pointer).filter(|value| !value.is_null()).map(|value| text_of(value).into_owned()), sold)
}

fn row_of(ledger: &Ledger, text: impl Fn(&str) -> Option<String>, sold: bool) -> Option<LedgerRow> {
    let product = ledger.product.as_ref().and_then(|product| text(product));
    Some(LedgerRow { key: text(&ledger.key)?, product, quantity: text(&ledger.quantity)?.trim().parse().ok()?, sold })
}

fn value(place: &str, product: &ProductWords, pieces: Option<i64>) -> Option<Value> {
    match place {
        "product" => Some(Value::from(product.id.as_str())),
        "quantity" => pieces.map(Value::from),
        _ => Some(Value::from(product.words.get(place.strip_prefix("product.")?)?.as_str())),
    }
}

fn short(text: &str) -> String {
    text.chars().take(160).collect()
}

impl Speech {
    /// The product that a text names: by its id or by any of its words.
    #[must_use]
    pub fn product_named(&self, text: &str) -> Option<&ProductWords> {
        let called = |product: &&ProductWords| product.id == text || product.words.values().any(|word| word == text);
        self.products.iter().find(called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::target::database::Kind;
    use crate::target::statement::Statement;

    const FILE: &str = r#"
name = "t"
about = "t"
url = "http://127.0.0.1:1"
[[product]]
id = "rye"
name = "baker's rye"
[purchase]
request = "POST /o?n={quantity}"
sold = { status = "200" }
sold_out = { status = "409" }
[stock]
database = "sqlite://{data}/shop.db"
read = "SELECT stock FROM breads WHERE name = {product.name}"
reset = "UPDATE breads SET stock = {quantity} WHERE name = {product.name}"
[ledger]
database = "sqlite://{data}/shop.db"
read = "SELECT customer, 'rye' AS bread, pieces FROM orders ORDER BY customer"
key = "customer"
product = "bread"
quantity = "pieces"
"#;

    #[tokio::test]
    async fn stock_and_ledger_are_read_and_set_in_sql() {
        let data = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/shop.db", data.path().display());
        let sql = |text: &str| Statement::parse(text, Kind::Sqlite);
        let open = |url: &str| Database::at(&Template::parse(url), data.path());
        let shop = open(&format!("{url}?mode=rwc")).unwrap();
        for statement in [
            "CREATE TABLE breads (name TEXT, stock INTEGER)",
            "INSERT INTO breads VALUES ('baker''s rye', 7)",
            "CREATE TABLE orders (customer TEXT, pieces INTEGER)",
            "INSERT INTO orders VALUES ('k-1', 2), ('k-2', 1)",
        ] {
            shop.rows(&sql(statement), |_| None).await.unwrap();
        }
        let target = Target::parse("t.toml", FILE).unwrap();
        let access = Access::new("http://127.0.0.1:1", target.stock.as_ref(), target.ledger.as_ref(), |_| open(&url)).unwrap();
        let rye = &target.speech.products[0];
        assert_eq!(access.stock(rye).await.unwrap(), Some(7));
        assert!(access.set_stock(rye, 40).await.unwrap());
        assert_eq!(access.stock(rye).await.unwrap(), Some(40));
        let row = |key: &str, quantity| LedgerRow { key: key.into(), product: Some("rye".into()), quantity, sold: true };
        assert_eq!(access.orders().await.unwrap(), Some(vec![row("k-1", 2), row("k-2", 1)]));
        let gone = open("sqlite:///nowhere/shop.db").unwrap().rows(&sql("SELECT 1"), |_| None).await.unwrap_err();
        assert!(gone.to_string().contains("/nowhere/shop.db"), "{gone}");
    }
}
