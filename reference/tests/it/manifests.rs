//! The command lines and variables of the Kubernetes manifests are those of this program.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{CommandFactory, Parser};
use reference::config::ServeSettings;
use reference::config::args::ServeArgs;

#[derive(Debug, Parser)]
struct Serve {
    #[command(flatten)]
    args: ServeArgs,
}

/// Arguments and plain variables of every container that runs this program, with what Kubernetes puts in.
fn containers() -> Vec<(Vec<String>, BTreeMap<String, String>)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/shop.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let ours = text.split("\n---\n").filter(|document| document.contains("command: [\"reference\"]"));
    let container = |document: &str| {
        let lines = document.lines().map(str::trim);
        let args = lines.clone().find_map(|line| line.strip_prefix("args: ")).expect("a container of ours has arguments");
        let variable = |line: &str| {
            let (name, value) = line.strip_prefix("- { name: ")?.strip_suffix(" }")?.split_once(", value: ")?;
            Some((name.to_owned(), value.trim_matches('"').replace("$(PASSWORD)", "a-password")))
        };
        (serde_json::from_str(args).unwrap(), lines.filter_map(variable).collect())
    };
    ours.map(container).collect()
}

/// The flags that variables stand for: no test may set its own process's environment.
fn flags(variables: &BTreeMap<String, String>) -> Vec<String> {
    let serve = Serve::command();
    let of_flag = |argument: &clap::Arg| {
        let value = variables.get(argument.get_env()?.to_str()?)?;
        Some(format!("--{}={value}", argument.get_long()?))
    };
    serve.get_arguments().filter_map(of_flag).collect()
}

#[test]
fn what_the_manifests_tell_the_program_is_understood() {
    let containers = containers();
    assert_eq!(containers.len(), 3, "broker, factory and shop");
    for (args, variables) in containers {
        // Its first word, `serve`, stands where the program's name does.
        let serve =
            Serve::try_parse_from(args.iter().cloned().chain(flags(&variables))).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        let settings = ServeSettings::check(&serve.args, &|name| variables.get(name).cloned());
        let settings = settings.unwrap_or_else(|problems| panic!("{args:?}: {problems}"));
        if args.iter().any(|role| role == "sales") {
            assert_eq!(settings.pipeline.database_url, "mysql://shop:a-password@database:3306/shop");
            assert!(settings.factory_url.is_some() && settings.callback_url.is_some(), "{settings:?}");
        }
    }
}
