//! Every block of commands says behind its fence how it is kept true:
//!
//! | mark | means |
//! |---|---|
//! | `console run` | each line behind `$` is run, in turn, and ends as it says (`# exit 1`; 0 where nothing is said) |
//! | `sh session` | the same for lines without `$`; what never ends by itself is asked, and interrupted at the next of its kind or at the end |
//! | `sh run` | the block is run as one script and ends with 0 |
//! | `sh like PAGE` | each of its commands is run on that page |
//! | `sh by FILE: TEXT; FILE: TEXT` | another step of the tests or of a workflow runs it: the one in that file that has this text |
//! | `sh read: WHY` | it is only read, because no test has or can wait for what it takes |
//!
//! Whatever the mark, the project's own parsers read each command, and what it names of the repository is there.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use regex::Regex;

use super::{Block, blocks, pages, root};

/// Languages of blocks whose text is typed.
const TYPED: [&str; 3] = ["sh", "bash", "console"];

/// How lines look that are commands, whoever's they are.
const COMMANDS: [&str; 7] = ["$ ", "cargo ", "loadgen ", "reference ", "chaos ", "docker ", "kubectl "];

/// What a block promises.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark<'p> {
    /// Run line by line.
    Session,
    /// Run as one script.
    Script,
    /// Run on that page.
    Like(&'p str),
    /// Run by these steps: file, and what stands in it.
    By(Vec<(&'p str, &'p str)>),
    /// Not run, because.
    Read(&'p str),
}

impl<'p> Mark<'p> {
    /// What stands behind the fence of a block that is typed; none for any other block.
    pub(super) fn of(block: &Block<'p>) -> Option<Result<Self, String>> {
        let (language, mark) = block.kind.split_once(' ').unwrap_or((block.kind, ""));
        TYPED.contains(&language).then(|| Self::parse(language, mark.trim()))
    }

    fn parse(language: &str, mark: &'p str) -> Result<Self, String> {
        match (language, mark) {
            ("console", "run") | (_, "session") => return Ok(Self::Session),
            (_, "run") => return Ok(Self::Script),
            _ => {}
        }
        if let Some(page) = mark.strip_prefix("like ") {
            return Ok(Self::Like(page));
        }
        if let Some(steps) = mark.strip_prefix("by ") {
            let steps = steps.split("; ").map(|step| step.split_once(": ").ok_or_else(|| format!("`{step}` is not `FILE: TEXT`")));
            return steps.collect::<Result<_, _>>().map(Self::By);
        }
        let why = mark.strip_prefix("read: ").filter(|why| !why.is_empty());
        why.map(Self::Read).ok_or_else(|| format!("`{mark}` does not say how its commands are kept true (see this test's module)"))
    }
}

/// The commands of a block, as a script: all of it, or the lines behind `$`.
pub(super) fn script(block: &Block<'_>) -> String {
    if !block.kind.starts_with("console") {
        return block.text.clone();
    }
    let lines = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The commands of a block, one a line, without what is said about them, and the programs called as they are when installed.
fn plain(block: &Block<'_>) -> Vec<String> {
    let said = Regex::new(r"\s+#.*$").unwrap();
    let cargo = Regex::new(r"\bcargo run (?:--release )?-p (\w+) --").unwrap();
    let script = script(block);
    let lines = script.lines().map(|line| cargo.replace(&said.replace(line, ""), "$1").trim().to_owned());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// What is wrong with one block of a page.
fn mistakes(block: &Block<'_>, pages: &[(String, String)]) -> Vec<String> {
    let Some(mark) = Mark::of(block) else {
        let typed = block.text.lines().find(|line| COMMANDS.iter().any(|command| line.starts_with(command)));
        let looks = typed
            .filter(|_| matches!(block.kind, "" | "text"))
            .map(|line| format!("`{line}` is typed, but its block is not marked sh or console"));
        return looks.into_iter().collect();
    };
    let mut wrong = Vec::new();
    match mark {
        Err(mistake) => wrong.push(mistake),
        Ok(Mark::Like(page)) => {
            let there = pages.iter().find(|(name, _)| name == page).map(|(_, text)| blocks(text)).unwrap_or_default();
            let run = |block: &&Block<'_>| matches!(Mark::of(block), Some(Ok(Mark::Session | Mark::Script)));
            let run: Vec<String> = there.iter().filter(run).flat_map(plain).collect();
            wrong.extend(plain(block).iter().filter(|line| !run.contains(line)).map(|line| format!("{page} does not run `{line}`")));
        }
        Ok(Mark::By(steps)) => {
            for (file, text) in steps {
                let of_ci = file.starts_with("scripts/") || file.starts_with(".github/workflows/") || file.contains("/tests/");
                let says = fs::read_to_string(root().join(file)).is_ok_and(|step| step.contains(text));
                if !of_ci || !says {
                    wrong.push(format!("no step of the tests or of a workflow is `{text}` in {file}"));
                }
            }
        }
        Ok(Mark::Session | Mark::Script | Mark::Read(_)) => {}
    }
    let named = Regex::new(r#"(?m)(?:^|[\s"'=])((?:deploy|scripts|scenarios|targets|docs|chaos)/[\w./-]+)"#).unwrap();
    for path in named.captures_iter(&script(block)).map(|found| found.get(1).unwrap().as_str()) {
        if !root().join(path).exists() {
            wrong.push(format!("there is no {path}"));
        }
    }
    wrong
}

#[test]
fn every_block_of_commands_says_how_it_is_kept_true() {
    let pages = pages();
    let mut wrong = Vec::new();
    for (name, page) in &pages {
        for block in blocks(page) {
            let first = block.text.lines().next().unwrap_or_default().to_owned();
            wrong.extend(mistakes(&block, &pages).into_iter().map(|mistake| format!("{name}: block `{first}`: {mistake}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_block_without_a_mark_or_with_a_wrong_one_is_found() {
    let pages = [("docs/a.md".to_owned(), "```sh run\nloadgen scenarios # all\n```\n".to_owned())];
    let found = |text: &str| mistakes(&blocks(text)[0], &pages);
    assert_eq!(found("```sh like docs/a.md\ncargo run -p loadgen -- scenarios   # which there are\n```\n"), Vec::<String>::new());
    let wrong = [
        ("```sh\nloadgen scenarios\n```\n", "does not say how its commands are kept true"),
        ("```sh read: \nloadgen scenarios\n```\n", "does not say how its commands are kept true"),
        ("```console\n$ loadgen scenarios\n```\n", "does not say how its commands are kept true"),
        ("```\nloadgen scenarios\n```\n", "is not marked sh or console"),
        ("```sh like docs/a.md\nloadgen defects\n```\n", "docs/a.md does not run `loadgen defects`"),
        ("```sh by scripts/test.sh: no such step\nloadgen defects\n```\n", "no step of the tests or of a workflow is `no such step`"),
        ("```sh by docs/ci.md: loadgen\nloadgen defects\n```\n", "no step of the tests or of a workflow is `loadgen`"),
        ("```sh by scripts/test.sh\nloadgen defects\n```\n", "is not `FILE: TEXT`"),
        ("```sh run\nscripts/nothing.sh\n```\n", "there is no scripts/nothing.sh"),
    ];
    for (text, mistake) in wrong {
        assert!(found(text).iter().any(|found| found.contains(mistake)), "{text}: {:?}", found(text));
    }
}

/// Scripts that people are told to run.
#[test]
fn every_script_that_a_page_names_says_what_it_is_for_when_asked() {
    let named = Regex::new(r"scripts/[a-z-]+\.sh").unwrap();
    let mut scripts: Vec<String> = Vec::new();
    for (_, page) in pages() {
        scripts.extend(named.find_iter(&page).map(|found| found.as_str().to_owned()));
    }
    scripts.sort();
    scripts.dedup();
    assert!(scripts.len() >= 5, "{scripts:?}");
    for script in scripts {
        let path = root().join(&script);
        let mode = fs::metadata(&path).unwrap_or_else(|error| panic!("{script}: {error}")).permissions().mode();
        assert!(mode & 0o111 != 0, "{script} cannot be run");
        let output = std::process::Command::new("/bin/bash").arg(&path).arg("--help").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.len() > 60 && said.contains(&script), "{script} --help: {said}");
    }
}
