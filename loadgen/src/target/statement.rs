//! SQL with places, of which each becomes a bound parameter: what a place stands for reaches the database beside the statement, never in it.
//!
//! The text is read only as far as it takes to tell values from texts, names and comments. Should a server read it otherwise (a mode in which a backslash is a
//! backslash), it finds more or fewer parameters than values, and refuses: a value is never read as SQL.

use serde_json::Value;

use super::database::Kind;
use super::template::{place, variable};

/// A statement (or several, with semicolons between them), taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    text: String,
    pieces: Vec<Piece>,
    misplaced: Vec<Misplaced>,
}

/// One statement as the driver takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// With a question mark for every parameter.
    pub(super) sql: String,
    /// What each stands for, in their order.
    places: Vec<String>,
}

/// What cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misplaced {
    /// The whole of a text: `'{product}'`.
    #[error("the place {{{0}}} stands in quotation marks; it becomes a parameter, which has none")]
    Quoted(String),
    /// A part of a text: `'%{product}%'`.
    #[error("the place {{{0}}} is a part of a text, in which nothing can be bound")]
    InText(String, Kind),
    /// In a name.
    #[error("the place {{{0}}} is in the name of a table or column, which cannot be bound")]
    InName(String),
    /// In a comment.
    #[error("the place {{{0}}} is in a comment")]
    InComment(String),
    /// A parameter without a place.
    #[error("a question mark is a parameter that no place stands for")]
    QuestionMark,
}

impl Misplaced {
    /// What to write instead.
    pub(super) fn way_out(&self) -> String {
        match self {
            Self::Quoted(place) => format!("write {{{place}}} without the quotation marks"),
            Self::InText(place, Kind::Sqlite) => format!("put the text together: '%' || {{{place}}} || '%'"),
            Self::InText(place, Kind::MySql) => format!("put the text together: CONCAT('%', {{{place}}}, '%')"),
            Self::InName(_) => "write the name itself, in a file for each".to_owned(),
            Self::InComment(_) => "take it out of the comment".to_owned(),
            Self::QuestionMark => "write the place: {product}, {quantity}".to_owned(),
        }
    }
}

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    /// Where values may stand.
    Plain,
    /// Between quotation marks of this kind.
    Text(char),
    /// Between these marks of a name; the second one ends it.
    Name(char),
    /// Up to the end of the line.
    LineComment,
    /// Up to `*/`.
    BlockComment,
}

impl Statement {
    /// Takes a text apart, as this kind of database reads it.
    pub(super) fn parse(text: &str, kind: Kind) -> Self {
        let mut statement = Self { text: text.to_owned(), pieces: vec![Piece::default()], misplaced: Vec::new() };
        let (mut stretch, mut rest, mut began) = (Stretch::Plain, text, 0);
        while let Some(next) = rest.chars().next() {
            let at = text.len() - rest.len();
            let length = match place_at(rest) {
                Some(place) => {
                    let alone = at == began + 1 && !text[..began].ends_with('\'') && rest[place.len() + 2..].starts_with('\'');
                    statement.meets(place, stretch, alone, kind);
                    place.len() + 2
                }
                None => {
                    let (after, length) = step(stretch, rest, next, kind);
                    if after != stretch {
                        (stretch, began) = (after, at);
                    }
                    statement.copies(&rest[..length], stretch, next);
                    length
                }
            };
            rest = &rest[length..];
        }
        if statement.pieces.iter().all(|piece| piece.places.is_empty()) {
            // Nothing is bound, so nothing has to be told apart: the author's text as it is, semicolons and all.
            statement.pieces = vec![Piece { sql: text.to_owned(), places: Vec::new() }];
        }
        statement.pieces.retain(|piece| !piece.sql.trim().is_empty());
        statement
    }

    fn meets(&mut self, place: &str, stretch: Stretch, alone: bool, kind: Kind) {
        let name = place.to_owned();
        match stretch {
            Stretch::Plain => {
                if let Some(piece) = self.pieces.last_mut() {
                    piece.sql.push('?');
                    piece.places.push(name);
                }
            }
            Stretch::Text('\'') if alone => self.misplaced.push(Misplaced::Quoted(name)),
            Stretch::Text(_) => self.misplaced.push(Misplaced::InText(name, kind)),
            Stretch::Name(_) => self.misplaced.push(Misplaced::InName(name)),
            Stretch::LineComment | Stretch::BlockComment => self.misplaced.push(Misplaced::InComment(name)),
        }
    }

    fn copies(&mut self, text: &str, stretch: Stretch, first: char) {
        match (stretch, first) {
            (Stretch::Plain, ';') => return self.pieces.push(Piece::default()),
            (Stretch::Plain, '?') => self.misplaced.push(Misplaced::QuestionMark),
            _ => (),
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.sql.push_str(text);
        }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its places, wherever they stand.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        let misplaced = self.misplaced.iter().filter_map(|misplaced| match misplaced {
            Misplaced::Quoted(place) | Misplaced::InText(place, _) | Misplaced::InName(place) | Misplaced::InComment(place) => Some(place),
            Misplaced::QuestionMark => None,
        });
        self.pieces.iter().flat_map(|piece| &piece.places).chain(misplaced).map(String::as_str)
    }

    /// What cannot be bound.
    pub(super) fn misplaced(&self) -> &[Misplaced] {
        &self.misplaced
    }

    /// Its statements, each with the values of its parameters.
    ///
    /// # Errors
    /// In words: a place that cannot be bound, or that nothing is known for.
    pub(super) fn bound(&self, value: impl Fn(&str) -> Option<Value>) -> Result<Vec<(&Piece, Vec<Value>)>, String> {
        if let Some(misplaced) = self.misplaced.first() {
            return Err(format!("{misplaced}; {}", misplaced.way_out()));
        }
        let known =
            |place: &String| variable(place).or_else(|| value(place)).ok_or_else(|| format!("nothing is known for the place {{{place}}}"));
        self.pieces.iter().map(|piece| Ok((piece, piece.places.iter().map(known).collect::<Result<_, _>>()?))).collect()
    }
}

/// The word in the braces that the text begins with.
fn place_at(text: &str) -> Option<&str> {
    if text.starts_with('{') { place(text) } else { None }
}

/// What the stretch is from here on, and how many bytes go by with that.
fn step(stretch: Stretch, rest: &str, next: char, kind: Kind) -> (Stretch, usize) {
    let one = next.len_utf8();
    let after = |stretch| (stretch, one);
    match stretch {
        Stretch::Plain => match next {
            '\'' => after(Stretch::Text('\'')),
            // A name in SQLite and in the standard, a text in MySQL.
            '"' if kind == Kind::MySql => after(Stretch::Text('"')),
            '"' | '`' => after(Stretch::Name(next)),
            '[' if kind == Kind::Sqlite => after(Stretch::Name(']')),
            '#' if kind == Kind::MySql => after(Stretch::LineComment),
            '-' if begins_comment(rest, kind) => (Stretch::LineComment, 2),
            '/' if rest.starts_with("/*") => (Stretch::BlockComment, 2),
            _ => after(Stretch::Plain),
        },
        // Whatever follows the backslash belongs to the text.
        Stretch::Text(_) if next == '\\' && kind == Kind::MySql => (stretch, one + rest[one..].chars().next().map_or(0, char::len_utf8)),
        // Of a doubled mark the first one ends the text and the second one begins it again.
        Stretch::Text(mark) | Stretch::Name(mark) if next == mark => after(Stretch::Plain),
        Stretch::LineComment if next == '\n' => after(Stretch::Plain),
        Stretch::BlockComment if rest.starts_with("*/") => (Stretch::Plain, 2),
        stretch => after(stretch),
    }
}

/// MySQL asks for a blank behind the two dashes, because `5--1` is six.
fn begins_comment(rest: &str, kind: Kind) -> bool {
    let Some(behind) = rest.strip_prefix("--") else { return false };
    kind == Kind::Sqlite || behind.is_empty() || behind.starts_with(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(text: &str, kind: Kind) -> Vec<(String, Vec<Value>)> {
        let value = |place: &str| json!({"product": "'; DROP TABLE breads; --", "quantity": 7}).get(place).cloned();
        let statement = Statement::parse(text, kind);
        let pieces = statement.bound(value).unwrap();
        pieces.into_iter().map(|(piece, values)| (piece.sql.clone(), values)).collect()
    }

    #[test]
    fn each_place_becomes_a_parameter_and_its_value_stays_out_of_the_statement() {
        let text = "UPDATE breads SET stock = {quantity} WHERE name = {product} AND note <> 'it''s {}; ?' AND {quantity} > 0";
        for kind in [Kind::Sqlite, Kind::MySql] {
            let sql = "UPDATE breads SET stock = ? WHERE name = ? AND note <> 'it''s {}; ?' AND ? > 0";
            assert_eq!(bound(text, kind), [(sql.to_owned(), vec![json!(7), json!("'; DROP TABLE breads; --"), json!(7)])]);
        }
    }

    #[test]
    fn several_statements_are_bound_one_by_one_and_one_without_places_is_left_alone() {
        let found = bound("DELETE FROM a WHERE p = {product}; -- all; of it\n UPDATE b SET n = {quantity};", Kind::Sqlite);
        assert_eq!(found[0], ("DELETE FROM a WHERE p = ?".to_owned(), vec![json!("'; DROP TABLE breads; --")]));
        assert_eq!(found[1], (" -- all; of it\n UPDATE b SET n = ?".to_owned(), vec![json!(7)]));
        assert_eq!(found.len(), 2);
        assert_eq!(bound("SELECT 1; SELECT 2", Kind::MySql), [("SELECT 1; SELECT 2".to_owned(), Vec::new())]);
    }

    #[test]
    fn a_place_where_nothing_can_be_bound_is_refused_with_what_to_write_instead() {
        let refused = |text: &str, kind| Statement::parse(text, kind).bound(|_| Some(json!(1))).unwrap_err();
        let way_out = |text: &str, kind| refused(text, kind).rsplit_once("; ").unwrap().1.to_owned();
        assert_eq!(
            refused("SELECT n FROM b WHERE id = '{product}'", Kind::Sqlite),
            "the place {product} stands in quotation marks; it becomes a parameter, which has none; write {product} without the quotation marks"
        );
        for (text, kind, expected) in [
            ("SELECT '%{product}%'", Kind::Sqlite, "put the text together: '%' || {product} || '%'"),
            ("SELECT 'it''{product}'", Kind::Sqlite, "put the text together: '%' || {product} || '%'"),
            (r"SELECT 'a\'{product}'", Kind::MySql, "put the text together: CONCAT('%', {product}, '%')"),
            ("SELECT \"{product}\"", Kind::MySql, "put the text together: CONCAT('%', {product}, '%')"),
            ("SELECT \"{product}\"", Kind::Sqlite, "write the name itself, in a file for each"),
            ("SELECT n FROM `{product}`", Kind::MySql, "write the name itself, in a file for each"),
            ("SELECT [{product}]", Kind::Sqlite, "write the name itself, in a file for each"),
            ("SELECT 1 -- {product}", Kind::MySql, "take it out of the comment"),
            ("SELECT 1 # {product}", Kind::MySql, "take it out of the comment"),
            ("SELECT /* {product} */ 1", Kind::Sqlite, "take it out of the comment"),
            ("SELECT n FROM b WHERE id = ?", Kind::Sqlite, "write the place: {product}, {quantity}"),
        ] {
            assert_eq!(way_out(text, kind), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_the_beginning_of_a_text_or_comment_is_none() {
        for (text, kind) in [
            ("SELECT 5--{quantity}", Kind::MySql),
            ("SELECT 'a\\' || {quantity}", Kind::Sqlite),
            ("SELECT 4 / {quantity}", Kind::Sqlite),
            (r"SELECT 'a\\', {quantity}", Kind::MySql),
            ("SELECT /* it's */ {quantity}", Kind::MySql),
        ] {
            assert_eq!(bound(text, kind)[0].1, [json!(7)], "{text}");
        }
    }

    #[test]
    fn a_place_that_nothing_is_known_for_is_named() {
        let statement = Statement::parse("SELECT {nothing}, '{too}'", Kind::Sqlite);
        assert_eq!(statement.places().collect::<Vec<_>>(), ["nothing", "too"]);
        let statement = Statement::parse("SELECT {nothing}", Kind::Sqlite);
        assert_eq!(statement.bound(|_| None).unwrap_err(), "nothing is known for the place {nothing}");
    }
}
