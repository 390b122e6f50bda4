//! Scenario files: those that ship are sound, and those that are not are told everything that is wrong at once.

use loadgen::plan::Plan;
use loadgen::scenario::{EditionName, Scenario, ScenarioErrors, Traffic};

#[test]
fn every_shipped_scenario_loads_and_can_be_planned() {
    let catalogue = Scenario::catalogue();
    let names: Vec<&str> = catalogue.iter().map(|entry| entry.name.as_str()).collect();
    assert!(names.starts_with(&["smoke", "steady", "rush"]), "in the order in which to try them: {names:?}");
    for entry in &catalogue {
        let scenario = Scenario::load(&entry.name).unwrap();
        assert_eq!(scenario.name, entry.name, "the name in the file is the file's name");
        assert!(entry.about.ends_with('.') && entry.about.matches(". ").count() == 0, "{}: not one sentence", entry.name);
        let plan = Plan::derive(&scenario, 1);
        assert!(plan.summary().purchases > 0, "{}", entry.name);
        assert!(plan.to_string().contains(&plan.summary().checksum));
    }
}

#[test]
fn every_file_in_the_folder_ships() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let from_file = Scenario::load(path.to_str().unwrap()).unwrap();
            assert_eq!(Scenario::load(name).unwrap(), from_file);
        }
    }
}

/// They take longer than anybody waits who only tries things out.
#[test]
fn every_long_scenario_loads_and_can_be_planned() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/long");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let scenario = Scenario::load(path.to_str().unwrap()).unwrap_or_else(|error| panic!("{error}"));
        assert!(Plan::derive(&scenario, 1).summary().purchases > 0 && scenario.limits.growth_percent.is_some(), "{}", path.display());
    }
}

#[test]
fn the_rush_is_fifty_times_its_baseline_and_sells_the_stock_out() {
    let scenario = Scenario::load("rush").unwrap();
    let Traffic::Open { stages } = &scenario.traffic else { panic!("a rush is open") };
    let peak = stages.iter().map(|stage| stage.rate_to).fold(0.0, f64::max);
    assert!((peak / stages[0].rate_from - 50.0).abs() < 0.001);
    let plan = Plan::derive(&scenario, 1);
    let wanted: u64 = plan.summary().pieces.values().sum();
    assert!(wanted > 5 * u64::from(scenario.products[0].stock));
}

#[test]
fn all_mistakes_of_a_file_are_reported_together_with_their_place_and_the_way_out() {
    let text = r#"name = "Rush Hour"
about = "Wrong in many ways."
edition = "donuts"
weather = "fine"

[stock]
"CP-1" = -5

[[stage]]
name = "a"
duration = 10
rate = "8/s"
to = "9/s"

[[stage]]
name = "b"
duration = "2s"
rate = "-8/s"

[buyers]
browse = "140%"
patiense = "3s"
quantities = { "1" = "50%", "2" = "30%" }

[hostile]
share = "1%"
tricks = ["negativ_count"]

[drain]
timeout = "1s"
"#;
    let ScenarioErrors::Mistakes(mistakes) = Scenario::parse("my.toml", text).unwrap_err() else { panic!("these are mistakes of a file") };
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_missing_is_named() {
    let ScenarioErrors::Mistakes(mistakes) = Scenario::parse("empty.toml", "").unwrap_err() else { panic!("these are mistakes of a file") };
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert_eq!(told, ["`name` is missing", "`about` is missing", "`stock` is missing", "nobody comes"]);
}

#[test]
fn broken_toml_is_told_where() {
    let told = Scenario::parse("broken.toml", "name = \"x\"\nabout = = 3\n").unwrap_err().to_string();
    assert!(told.contains("broken.toml:2:"), "{told}");
}

#[test]
fn an_unknown_name_is_told_what_there_is() {
    let told = Scenario::load("rsh").unwrap_err().to_string();
    assert!(told.contains("\"rsh\"") && told.contains("smoke, steady, rush"), "{told}");
    let told = Scenario::load("./nowhere.toml").unwrap_err().to_string();
    assert!(told.contains("nowhere.toml"), "{told}");
}

#[test]
fn products_without_a_share_divide_what_is_left() {
    let text = r#"
name = "three"
about = "Three items."
edition = "shop"
[stock]
"1" = { pieces = 5, share = "50%" }
"2" = 5
"3" = 5
[closed]
users = 2
think_time = "100ms"
duration = "1s"
"#;
    let scenario = Scenario::parse("three.toml", text).unwrap();
    assert_eq!(scenario.edition, EditionName::Shop);
    assert_eq!(scenario.products.iter().map(|product| product.share).collect::<Vec<_>>(), [0.5, 0.25, 0.25]);
}

/// A scenario that is right but for what stands in it.
fn with(more: &str) -> Result<Scenario, String> {
    let text = format!(
        "name = \"mine\"\nabout = \"Mine.\"\n{more}\n[stock]\n\"CP-502101\" = 5\n[[stage]]\nname = \"peak\"\nduration = \"5s\"\nrate = \"5/s\"\n"
    );
    Scenario::parse("mine.toml", &text).map_err(|error| error.to_string())
}

#[test]
fn what_goes_wrong_is_read_with_the_scenario_and_its_mistakes_with_the_others() {
    let fault = |rest: &str| format!("fault = [{{ name = \"a\", {rest} }}]");
    let scenario = with(&fault("fault = \"lose-answer\", hop = \"aws.relay\", phase = \"peak\", share = \"30%\"")).unwrap();
    assert_eq!(scenario.faults.rules[0].to_string(), "a: lose-answer (legal) on aws.relay, 30 %, while \"peak\"");
    for (rest, expected) in [
        ("fault = \"again\", hop = \"aws.relai\"", "there is no hop \"aws.relai\"; did you mean \"aws.relay\"?"),
        ("fault = \"throttle\", hop = \"sales\"", "the fault \"throttle\" cannot happen on the hop \"sales\""),
        ("fault = \"again\", phase = \"peek\"", "there is no stage \"peek\"; did you mean \"peak\"?"),
        ("fault = \"again\", from = \"5s\"", "the fault begins when nobody comes any more; let it begin before 5s"),
        ("fault = \"again\", after_sales = 9, until_sales = 9", "the window ends before it begins"),
        ("fault = \"lose-message\"", "the fault \"a\" breaks the contract, so no run with it may pass; write expect_verdict = \"fail\""),
    ] {
        let mistakes = with(&fault(rest)).unwrap_err();
        assert!(mistakes.contains(expected), "{rest}: {mistakes}");
    }
    let shop = with(&format!("edition = \"shop\"\n{}", fault("fault = \"again\", hop = \"callback\""))).unwrap_err();
    assert!(shop.contains("edition `shop` has no hop \"callback\""), "{shop}");
    let legal = with(&format!("expect_verdict = \"fail\"\n{}", fault("fault = \"again\""))).unwrap_err();
    assert!(legal.contains("every fault is legal, so the pipeline has to survive them"), "{legal}");
    assert!(with(&format!("expect_verdict = \"fail\"\n{}", fault("fault = \"lose-message\""))).is_ok());
}
