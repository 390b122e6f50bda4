//! `model [--large] [--only NAME]`: explores every world of a size, and says how many states there were.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use model::scope::Scope;
use stateright::{Checker, Model};

/// Explores the pipeline's design in all interleavings.
#[derive(Debug, Parser)]
#[command(name = "model")]
struct Options {
    /// The large worlds, which take minutes, instead of the small ones.
    #[arg(long)]
    large: bool,
    /// Only worlds whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Threads that explore.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let scopes = if options.large { Scope::large() } else { Scope::small() };
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only));
    if !scopes.iter().any(|scope| wanted(scope.name)) {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name).collect();
        eprintln!("error: --only: no world has that in its name; there are: {}", names.join("; "));
        return ExitCode::from(2);
    }
    let mut broken = false;
    println!("| world | states | deepest | result | time |");
    println!("|---|---:|---:|---|---:|");
    for scope in scopes.into_iter().filter(|scope| wanted(scope.name)) {
        let (name, started) = (scope.name, Instant::now());
        let checker = scope.checker().threads(options.threads).spawn_bfs().join();
        let wrong: Vec<String> = checker
            .discoveries()
            .into_iter()
            .filter(|(property, _)| checker.discovery_classification(property).to_string() == "counterexample")
            .map(|(property, path)| format!("{property}: {:?}", path.into_actions()))
            .collect();
        let result = if wrong.is_empty() { "all promises kept".to_owned() } else { format!("**broken**: {}", wrong.join("; ")) };
        broken |= !wrong.is_empty();
        let (states, depth) = (checker.unique_state_count(), checker.max_depth());
        println!("| {name} | {states} | {depth} | {result} | {:.1} s |", started.elapsed().as_secs_f64());
    }
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
