//! The pages that lead from run to run, and from a violation to its moment, in a browser with clicks.

use std::fs;
use std::path::{Path, PathBuf};

use loadgen::compare::side::{Run, Side};
use loadgen::compare::{self, Rules};
use loadgen::index::Index;
use loadgen::report::html;
use loadgen::result::RunResult;
use testbed::Browser;

use super::proofs;
use super::sample::{self, Shape};

/// Pages stay in the target folder, for looking at them.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

async fn open(browser: &mut Browser, page: &Path) {
    browser.open(&format!("file://{}", page.display())).await.unwrap();
    browser.until("document.documentElement.dataset.ready").await.unwrap();
}

async fn assert_sound(browser: &mut Browser) {
    assert_eq!(browser.value("document.documentElement.dataset.errors ?? null").await.unwrap(), serde_json::Value::Null);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.barriers().await.unwrap(), Vec::<String>::new());
}

fn side(results: Vec<RunResult>) -> Side {
    Side::of(results.into_iter().enumerate().map(|(index, result)| Run { path: PathBuf::from(format!("runs/{index}")), result }).collect())
}

#[tokio::test]
async fn a_violation_leads_to_its_moment_on_the_charts_and_a_comparison_lays_two_runs_over_each_other() {
    let mut browser = Browser::start().await.unwrap();
    let failed = sample::result(Shape { oversell: true, ..Shape::default() }, proofs::fail());
    let page = folder("pages").join("violation.html");
    fs::write(&page, html::render(&failed).unwrap()).unwrap();
    open(&mut browser, &page).await;
    assert_eq!(browser.value("document.getElementById('reset-zoom').disabled").await.unwrap(), true);
    browser.click(".violation .on-charts").await.unwrap();
    browser.until("!document.getElementById('reset-zoom').disabled && document.activeElement.id === 'time-title'").await.unwrap();
    browser.click("#reset-zoom").await.unwrap();
    browser.until("document.getElementById('reset-zoom').disabled").await.unwrap();
    browser.click(".property.violated .judgement a").await.unwrap();
    browser.until("document.querySelector('.violation:target')").await.unwrap();
    assert_sound(&mut browser).await;

    let (a, b) = (side(vec![sample::result(Shape::default(), proofs::pass())]), side(vec![failed]));
    let comparison = compare::compare(&a, &b, Rules::default());
    let page = folder("pages").join("comparison.html");
    fs::write(&page, compare::html::render(&comparison, &a, &b).unwrap()).unwrap();
    open(&mut browser, &page).await;
    let heads = "Array.from(document.querySelectorAll('.verdict h2'), (head) => head.textContent).join()";
    assert_eq!(browser.value(heads).await.unwrap(), "A: PASS,B: FAIL");
    let labels = browser.value("document.querySelector('#charts .u-legend').textContent").await.unwrap().to_string();
    assert!(labels.contains("A sold") && labels.contains("B sold"), "{labels}");
    assert!(browser.value("document.querySelectorAll('tr.missing').length").await.unwrap().as_u64() > Some(0), "what differs is marked");
    browser.click("#theme").await.unwrap();
    browser.until("document.documentElement.dataset.theme === 'dark'").await.unwrap();
    assert_sound(&mut browser).await;
}

#[tokio::test]
async fn the_list_of_runs_is_sorted_narrowed_and_leads_to_the_reports() {
    let folder = folder("list");
    for (name, seed, proof) in [("one run", 1, proofs::pass()), ("two#runs", 2, proofs::fail()), ("deep/er", 3, proofs::unknown())] {
        let mut result = sample::result(Shape::default(), proof);
        result.run.seed = seed;
        result.run.started_unix_ms += seed;
        let run = folder.join(name);
        fs::create_dir_all(&run).unwrap();
        result.write(&run).unwrap();
        fs::write(run.join("report.html"), html::render(&result).unwrap()).unwrap();
    }
    let page = Index::read(&folder).unwrap().write(&folder).unwrap();
    let mut browser = Browser::start().await.unwrap();
    open(&mut browser, &page).await;
    let seeds = "Array.from(document.querySelectorAll('#runs tbody tr:not([hidden])'), (row) => row.dataset.seed).join()";
    assert_eq!(browser.value(seeds).await.unwrap(), "3,2,1", "the latest first");
    browser.click("[data-sort='seed']").await.unwrap();
    browser.click("[data-sort='seed']").await.unwrap();
    assert_eq!(browser.value(seeds).await.unwrap(), "1,2,3");
    browser.click("[data-run='two#runs']").await.unwrap();
    browser.click("[data-run='deep/er']").await.unwrap();
    let command =
        browser.until("document.getElementById('chosen').hidden ? null : document.getElementById('command').textContent").await.unwrap();
    assert_eq!(command, "loadgen compare 'two#runs' deep/er --html comparison.html");
    assert_sound(&mut browser).await;
    browser.click("#filter").await.unwrap();
    for key in ["f", "a", "i", "l"] {
        browser.press(key).await.unwrap();
    }
    assert_eq!(browser.until("document.getElementById('shown').textContent === '1'").await.unwrap(), true);
    browser.click("tr:not([hidden]) a").await.unwrap();
    browser.until("document.querySelector('h1')?.textContent === 'FAIL' && document.documentElement.dataset.ready").await.unwrap();
}
