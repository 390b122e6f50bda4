//! Pages and links.

use std::collections::BTreeSet;
use std::fs;

use reference::defects::Defect;
use regex::Regex;

use super::{pages, root};

#[test]
fn the_list_names_every_page_once_and_no_other() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let link = Regex::new(r"\]\(([^)]+)\)").unwrap();
    let listed: Vec<String> = link.captures_iter(&summary).map(|found| format!("docs/{}", &found[1])).collect();
    let there: BTreeSet<String> =
        pages().into_iter().map(|(name, _)| name).filter(|name| name.starts_with("docs/") && name != "docs/SUMMARY.md").collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), there, "docs/SUMMARY.md lists the pages of docs/");
    assert_eq!(listed.len(), there.len(), "each once: {listed:?}");
}

/// What GitHub and mdBook make of a heading.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().replace('`', "");
    let kept = plain.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_to_something_that_is_there() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let fence = Regex::new(r"(?ms)^```.*?^```").unwrap();
    let mut broken = Vec::new();
    for (name, text) in pages() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for found in link.captures_iter(&fence.replace_all(&text, "")) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, part) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
            let file = if path.is_empty() { root().join(&name) } else { folder.join(path) };
            let heading = |part: &str| fs::read_to_string(&file).unwrap().lines().any(|line| line.starts_with('#') && anchor(line) == part);
            if !file.exists() || part.is_some_and(|part| !heading(part)) {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_promises_name_every_defect_that_breaks_one_and_none_that_there_is_not() {
    let named = Regex::new(r"`([a-z]+(?:-[a-z]+)+)`").unwrap();
    let defects: BTreeSet<&str> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    let promises = fs::read_to_string(root().join("docs/pipeline.md")).unwrap();
    let in_promises: BTreeSet<&str> = named.captures_iter(&promises).map(|found| found.get(1).unwrap().as_str()).collect();
    let missing: Vec<&&str> = defects.iter().filter(|defect| !in_promises.contains(**defect)).collect();
    assert!(missing.is_empty(), "docs/pipeline.md does not say which promise these break: {missing:?}");
    let mistakes = fs::read_to_string(root().join("docs/mistakes.md")).unwrap();
    // The last cell of each row names defects.
    let tried: Vec<&str> = mistakes.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1)).collect();
    for cell in tried {
        let unknown: Vec<&str> =
            named.captures_iter(cell).map(|found| found.get(1).unwrap().as_str()).filter(|name| !defects.contains(name)).collect();
        assert!(unknown.is_empty(), "docs/mistakes.md: {unknown:?}");
    }
}
