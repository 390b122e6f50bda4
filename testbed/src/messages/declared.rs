//! What `#[error(…)]` attributes there are in a folder of sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Whether other crates can make one.
    pub(super) public: bool,
    /// What stands in the attribute.
    pub(super) template: String,
}

/// Every message below a folder, by `crate::module::Type` or `crate::module::Type::Variant`; those that only hand on another's are left out.
pub(super) fn declared_under(module: &str, folder: &Path) -> BTreeMap<String, Declared> {
    let mut found = BTreeMap::new();
    let mut entries: Vec<_> = fs::read_dir(folder).expect("sources can be read").map(|entry| entry.expect("and listed").path()).collect();
    entries.sort();
    for path in entries {
        let stem = path.file_stem().expect("every entry has a name").to_string_lossy().into_owned();
        let inside = if stem == "lib" || stem == "main" { module.to_owned() } else { format!("{module}::{stem}") };
        if path.is_dir() {
            found.extend(declared_under(&inside, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(declared_in(&inside, &fs::read_to_string(&path).expect("sources can be read")));
        }
    }
    found
}

/// Those of one file. Its lines are read as rustfmt leaves them: an attribute ends with `)]` at the end of a line, and an item follows.
fn declared_in(module: &str, source: &str) -> BTreeMap<String, Declared> {
    let mut found = BTreeMap::new();
    let mut item = Item { public: false, name: String::new() };
    let mut lines = source.lines().map(str::trim);
    let mut attribute: Option<String> = None;
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            break;
        }
        if let Some(begin) = line.strip_prefix("#[error(") {
            let mut text = begin.to_owned();
            while !text.ends_with(")]") {
                text.push_str(lines.next().expect("an attribute ends"));
            }
            text.truncate(text.len() - ")]".len());
            attribute = (text != "transparent").then_some(text);
        } else if let Some(next) = Item::begun_by(line) {
            item = next;
            if let Some(template) = attribute.take() {
                found.insert(format!("{module}::{}", item.name), Declared { public: item.public, template });
            }
        } else if let Some(variant) = word_of(line).filter(|word| word.starts_with(char::is_uppercase))
            && let Some(template) = attribute.take()
        {
            found.insert(format!("{module}::{}::{variant}", item.name), Declared { public: item.public, template });
        }
    }
    found
}

/// An enum or a struct.
struct Item {
    public: bool,
    name: String,
}

impl Item {
    fn begun_by(line: &str) -> Option<Self> {
        let (public, rest) = match line.strip_prefix("pub ") {
            Some(rest) => (true, rest),
            None => (false, line.split_once(") ").filter(|(before, _)| before.starts_with("pub(")).map_or(line, |(_, rest)| rest)),
        };
        let name = rest.strip_prefix("enum ").or_else(|| rest.strip_prefix("struct "))?;
        Some(Self { public, name: word_of(name)?.to_owned() })
    }
}

/// The identifier that a line begins with.
fn word_of(line: &str) -> Option<&str> {
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
    (end > 0).then(|| &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_the_name_of_what_says_them() {
        let source = "/// Why.\n#[derive(Debug, thiserror::Error)]\npub enum Why {\n    /// One.\n    #[error(transparent)]\n    One(#[from] Other),\n    \
                      #[error(\n        \"two {}\", .0\n    )]\n    Two(u8),\n}\n#[error(\"three\")]\n#[derive(Debug)]\npub(crate) struct Three;\n";
        let found: Vec<(String, bool, String)> =
            declared_in("a::b", source).into_iter().map(|(name, declared)| (name, declared.public, declared.template)).collect();
        assert_eq!(
            found,
            [("a::b::Three".to_owned(), false, "\"three\"".to_owned()), ("a::b::Why::Two".to_owned(), true, "\"two {}\", .0".to_owned()),]
        );
    }
}
