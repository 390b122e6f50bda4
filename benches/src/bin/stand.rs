//! What the benchmarks start as processes of their own: `stand shop`, `stand durable …`, `stand broker`, `stand pipeline …`, `stand load …`,
//! `stand proxy …`, `stand tap …`.
//!
//! Servers print their address and end when their standard input does.

use std::error::Error;
use std::ffi::OsString;
use std::io::Read;
use std::process::ExitCode;

use benches::{generator, proxies, servers};

const USAGE: &str = "stand shop | durable FOLDER GROUP-LIMIT | broker | pipeline FOLDER FACTORY-TIME STOCK CONSUMERS | load ADDRESS RATE SECONDS SEED | proxy ADDRESS | tap ADDRESS FOLDER";

/// The same as the program that is measured in its place.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["pipeline", folder, factory_time, stock, consumers] = words.as_slice() {
        return reference::cli::run(pipeline(folder, [factory_time, stock, consumers]).map(OsString::from));
    }
    match tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(play(&words))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole pipeline in one process, with a factory that has no mood of its own.
fn pipeline<'a>(folder: &'a str, [factory_time, stock, consumers]: [&'a str; 3]) -> impl Iterator<Item = &'a str> {
    ["reference", "serve", "--ready", "json", "--exit-with-parent", "--log-level", "warn", "--data", folder, "--stock", stock]
        .into_iter()
        .chain(["--consumers", consumers, "--factory-time", factory_time, "--factory-jitter", "0ms", "--factory-answer-time", "0ms"])
}

async fn play(words: &[&str]) -> Result<(), Box<dyn Error>> {
    match words {
        ["load", address, rate, seconds, seed] => return generator::load(address, rate.parse()?, seconds.parse()?, seed.parse()?).await,
        ["shop"] => servers::constant().await?,
        ["durable", folder, group_limit] => servers::durable(folder.as_ref(), group_limit.parse()?).await?,
        ["broker"] => servers::broker().await?,
        ["proxy", address] => proxies::bare(address).await?,
        ["tap", address, folder] => {
            let _standing = proxies::tap(address, folder.as_ref()).await?;
            return leash().await;
        }
        _ => return Err(USAGE.into()),
    };
    leash().await
}

/// Returns when whoever started this, and holds the other end, is gone.
async fn leash() -> Result<(), Box<dyn Error>> {
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
