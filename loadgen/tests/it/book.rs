//! The book: its list names every page, its links lead somewhere, and its commands run and end as the text says, or say why they do not.

mod commands;
mod links;
mod marks;
mod run;

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Pages that people read, from the top of the repository: those of the book first.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.sort();
    let beside = [
        "README.md",
        "ARCHITECTURE.md",
        "deploy/README.md",
        "reports/README.md",
        "chaos/README.md",
        "benches/README.md",
        "fuzz/README.md",
        "targets/example/README.md",
    ];
    names.extend(beside.map(str::to_owned));
    names.into_iter().map(|name| (fs::read_to_string(root().join(&name)).unwrap(), name)).map(|(text, name)| (name, text)).collect()
}

/// A fenced block: what stands behind its fence, and its text.
struct Block<'p> {
    kind: &'p str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(kind), false) => {
                blocks.push(Block { kind: kind.trim(), text: String::new() });
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!inside, "a fence is not closed");
    blocks
}
