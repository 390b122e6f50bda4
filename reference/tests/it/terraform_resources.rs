//! The files of `deploy/terraform`, read as terraform would read them: every block is known to the provider, every reference leads somewhere, and
//! nobody may do more than his work. What the provider knows stands in `schema.json`, which `scripts/terraform-schema.py` writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hcl_edit::expr::{Expression, ForIntro, Traversal, TraversalOperator};
use hcl_edit::structure::{Attribute, Block, Body};
use hcl_edit::visit::{Visit, visit_attr, visit_block, visit_body, visit_for_intro, visit_traversal};
use serde_json::Value;

/// What any resource may say, whatever its provider.
const META: [&str; 5] = ["count", "depends_on", "for_each", "lifecycle", "provider"];

/// Statements that must name every resource there is, because AWS knows no narrower one for them.
const NO_RESOURCE_TO_NAME: [&str; 1] = ["Network"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/terraform")
}

/// All files of a folder, as one body.
fn read(folder: &Path) -> Body {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "tf"));
    files.sort();
    let bodies = files.iter().map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        hcl_edit::parser::parse_body(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    bodies.flat_map(IntoIterator::into_iter).collect()
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("schema.json")).unwrap()).unwrap()
}

/// The labels of a block: its type and its name.
fn labels(block: &Block) -> Vec<&str> {
    block.labels.iter().map(|label| label.as_str()).collect()
}

fn blocks<'b>(body: &'b Body, kind: &str) -> impl Iterator<Item = &'b Block> {
    body.blocks().filter(move |block| block.ident.as_str() == kind)
}

/// What of a block the provider does not know, or misses.
fn compare(place: &str, body: &Body, known: &Value, meta: &[&str], wrong: &mut Vec<String>) {
    let mut said = BTreeSet::new();
    for attribute in body.attributes() {
        let name = attribute.key.as_str();
        said.insert(name.to_owned());
        if known["arguments"].get(name).is_none() && !meta.contains(&name) {
            wrong.push(format!("{place} has no argument {name}"));
        }
    }
    for block in body.blocks() {
        let dynamic = block.ident.as_str() == "dynamic";
        let name = if dynamic { labels(block)[0] } else { block.ident.as_str() };
        said.insert(name.to_owned());
        let Some(inner) = known["blocks"].get(name) else {
            if !meta.contains(&name) {
                wrong.push(format!("{place} has no block {name}"));
            }
            continue;
        };
        let content = if dynamic { &blocks(&block.body, "content").next().expect("a dynamic block has content").body } else { &block.body };
        compare(&format!("{place}.{name}"), content, inner, &[], wrong);
    }
    let needed = |(name, needed): (&String, &Value)| (needed == "required" || needed["required"] == true).then(|| name.clone());
    let all = ["arguments", "blocks"].into_iter().flat_map(|part| known[part].as_object().unwrap()).filter_map(needed);
    wrong.extend(all.filter(|name| !said.contains(name)).map(|name| format!("{place} lacks {name}")));
}

#[test]
fn every_block_is_one_that_the_provider_knows_with_all_that_it_needs() {
    let (body, schema) = (read(&folder()), schema());
    let mut wrong = Vec::new();
    let mut compared = 0;
    for kind in ["resource", "data"] {
        for block in blocks(&body, kind) {
            let [of, name] = labels(block)[..] else { panic!("{kind} has a type and a name") };
            let known = &schema[kind][of];
            assert!(known.is_object(), "schema.json does not know {of}; scripts/terraform-schema.py writes it anew");
            compare(&format!("{kind} {of}.{name}"), &block.body, known, &META, &mut wrong);
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared > 25, "only {compared} blocks were compared");
    let version = schema["provider"].as_str().unwrap().strip_prefix("hashicorp/aws ").unwrap();
    let wanted = std::fs::read_to_string(folder().join("versions.tf")).unwrap();
    let major = version.split('.').next().unwrap();
    assert!(wanted.contains(&format!("version = \"~> {major}.0\"")), "the files are for another provider than {version}");
}

/// Every reference in the files, as its words, and the names that are bound on the way.
#[derive(Default)]
struct References {
    found: Vec<Vec<String>>,
    bound: BTreeSet<String>,
}

impl Visit for References {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(root) = &node.expr {
            let words = node.operators.iter().filter_map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => Some(name.to_string()),
                _ => None,
            });
            self.found.push(std::iter::once(root.to_string()).chain(words).collect());
        }
        visit_traversal(self, node);
    }

    fn visit_for_intro(&mut self, node: &ForIntro) {
        self.bound.extend(node.key_var.iter().chain([&node.value_var]).map(|name| name.to_string()));
        visit_for_intro(self, node);
    }

    fn visit_block(&mut self, node: &Block) {
        if node.ident.as_str() == "dynamic" {
            self.bound.insert(labels(node)[0].to_owned());
        }
        visit_block(self, node);
    }
}

/// What can be referred to.
struct Declared {
    variables: BTreeSet<String>,
    locals: BTreeSet<String>,
    modules: BTreeMap<String, BTreeSet<String>>,
    /// By kind, type and name.
    things: BTreeSet<(&'static str, String, String)>,
    schema: Value,
}

impl Declared {
    fn of(body: &Body, folder: &Path) -> Self {
        let names = |body: &Body, kind: &str| blocks(body, kind).map(|block| labels(block)[0].to_owned()).collect::<BTreeSet<_>>();
        let locals = blocks(body, "locals").flat_map(|block| block.body.attributes()).map(|attribute| attribute.key.to_string());
        let modules = blocks(body, "module").map(|block| {
            let source = block.body.get_attribute("source").and_then(|source| source.value.as_str()).expect("a module has a source");
            (labels(block)[0].to_owned(), names(&read(&folder.join(source)), "output"))
        });
        let things = ["resource", "data"].into_iter().flat_map(|kind| {
            blocks(body, kind).map(move |block| {
                let labels = labels(block);
                (kind, labels[0].to_owned(), labels[1].to_owned())
            })
        });
        Self {
            variables: names(body, "variable"),
            locals: locals.collect(),
            modules: modules.collect(),
            things: things.collect(),
            schema: if folder.join("schema.json").exists() { schema() } else { Value::Null },
        }
    }

    /// Whether a reference leads somewhere.
    fn has(&self, words: &[&str]) -> bool {
        match words {
            ["each" | "path" | "self", ..] => true,
            ["var", name, ..] => self.variables.contains(*name),
            ["local", name, ..] => self.locals.contains(*name),
            ["module", name, output, ..] => self.modules.get(*name).is_some_and(|outputs| outputs.contains(*output)),
            ["data", of, name, rest @ ..] => self.has_thing("data", of, name, rest.first()),
            [of, name, rest @ ..] => self.has_thing("resource", of, name, rest.first()),
            _ => false,
        }
    }

    fn has_thing(&self, kind: &'static str, of: &str, name: &str, attribute: Option<&&str>) -> bool {
        let known = &self.schema[kind][of];
        let shows = |attribute: &&str| known["attributes"].as_array().is_some_and(|all| all.iter().any(|one| one == *attribute));
        self.things.contains(&(kind, of.to_owned(), name.to_owned())) && attribute.is_none_or(shows)
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_variable_is_used() {
    for folder in [folder(), folder().join("topology")] {
        let body = read(&folder);
        let declared = Declared::of(&body, &folder);
        let mut references = References::default();
        visit_body(&mut references, &body);
        let words = references.found.iter().map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        let lost: Vec<String> =
            words.filter(|words| !references.bound.contains(words[0]) && !declared.has(words)).map(|words| words.join(".")).collect();
        assert!(lost.is_empty(), "{}: {lost:?} lead nowhere", folder.display());
        let used: BTreeSet<&str> = references.found.iter().filter(|words| words[0] == "var").map(|words| words[1].as_str()).collect();
        let idle: Vec<&String> = declared.variables.iter().filter(|name| !used.contains(name.as_str())).collect();
        assert!(idle.is_empty(), "{}: {idle:?} are asked for and not used", folder.display());
    }
}

/// Statements of policies, wherever they stand, and attributes whose names speak of secrets.
#[derive(Default)]
struct Rights {
    statements: Vec<Body>,
    secrets: Vec<(String, Expression)>,
}

impl Visit for Rights {
    fn visit_block(&mut self, node: &Block) {
        let named = match node.ident.as_str() {
            "statement" => true,
            "dynamic" => labels(node) == ["statement"],
            _ => false,
        };
        if named {
            let content = blocks(&node.body, "content").next().map_or(&node.body, |content| &content.body);
            self.statements.push(content.clone());
        }
        visit_block(self, node);
    }

    fn visit_attr(&mut self, node: &Attribute) {
        let name = node.key.as_str().to_lowercase();
        if ["password", "secret", "token"].iter().any(|word| name.contains(word)) {
            self.secrets.push((name, node.value.clone()));
        }
        visit_attr(self, node);
    }
}

fn texts(statement: &Body, name: &str) -> Vec<String> {
    let list = statement.get_attribute(name).and_then(|attribute| attribute.value.as_array().cloned()).unwrap_or_default();
    list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[test]
fn nobody_may_do_more_than_his_work_and_no_secret_is_written_down() {
    let mut rights = Rights::default();
    visit_body(&mut rights, &read(&folder()));
    assert!(rights.statements.len() >= 8, "only {} statements were found", rights.statements.len());
    for statement in &rights.statements {
        let text = |name: &str| statement.get_attribute(name).and_then(|attribute| attribute.value.as_str()).unwrap_or_default();
        let (sid, denies) = (text("sid"), text("effect") == "Deny");
        let actions = texts(statement, "actions");
        assert!(!actions.is_empty(), "statement {sid:?} names no action in plain words");
        if denies {
            continue;
        }
        assert!(actions.iter().all(|action| !action.contains('*')), "statement {sid:?} allows {actions:?}");
        let everything = texts(statement, "resources").iter().any(|resource| resource == "*");
        assert!(!everything || NO_RESOURCE_TO_NAME.contains(&sid), "statement {sid:?} allows it on everything");
        let anybody = blocks(statement, "principals").any(|who| texts(&who.body, "identifiers").iter().any(|id| id == "*"));
        assert!(!anybody, "statement {sid:?} allows it to anybody");
    }
    let written: Vec<&String> = rights.secrets.iter().filter(|(_, value)| value.is_str()).map(|(name, _)| name).collect();
    assert!(written.is_empty(), "{written:?} stand there in plain text");
    assert!(rights.secrets.iter().any(|(name, value)| name == "manage_master_user_password" && value.as_bool() == Some(true)));
}
