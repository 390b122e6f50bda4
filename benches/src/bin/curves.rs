//! Draws how the pipeline scales: `cargo build --release -p benches --bins && target/release/curves` writes a picture and its numbers for each curve into
//! `reports/scaling/`. Takes about six minutes, and wants the machine for itself.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use benches::buyers::{Seen, buy};
use benches::chart::{Chart, Line, Panel};
use benches::courier::Route;
use benches::stand::{Serving, workspace_folder};
use benches::sustained::sustained;

/// Of one measurement of buyers; each is made [`ROUNDS`] times and the middle one is taken.
const LASTING: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;

/// Clients and cycles of each at every backlog.
const CLIENTS: usize = 8;
const CYCLES: usize = 400;

/// Measures what a curve shows.
type Draw = fn() -> Result<Chart, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/scaling");
    fs::create_dir_all(&out)?;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let curves: [(&str, Draw); 4] = [("buyers", buyers), ("products", products), ("consumers", consumers), ("backlog", backlog)];
    for (name, draw) in curves.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)) {
        write(&out, name, &draw()?)?;
    }
    Ok(())
}

fn serve(words: &[&str]) -> Result<Serving, Box<dyn Error>> {
    Ok(Serving::start(Command::new(stand()?).args(words))?)
}

/// Beside this program: cargo builds all programs of a package together.
fn stand() -> Result<PathBuf, Box<dyn Error>> {
    Ok(std::env::current_exe()?.with_file_name("stand"))
}

/// The middle one of several rounds, by throughput.
fn middle(mut rounds: Vec<Seen>) -> Seen {
    rounds.sort_unstable_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rounds.swap_remove(rounds.len() / 2)
}

fn measured(address: &str, buyers: usize, name: &str) -> std::io::Result<Seen> {
    let rounds = (0..ROUNDS).map(|round| buy(address, buyers, LASTING, &format!("{name}-{buyers}-{round}")));
    Ok(middle(rounds.collect::<Result<_, _>>()?))
}

fn buyers() -> Result<Chart, Box<dyn Error>> {
    let folder = workspace_folder();
    let shop = serve(&["durable", &folder.path().to_string_lossy(), "256"])?;
    let single = serve(&["durable", &folder.path().to_string_lossy(), "1"])?;
    let places: Vec<u64> = (0..=8).map(|power| 1 << power).collect();
    let (mut shared, mut alone) = (Vec::new(), Vec::new());
    for buyers in &places {
        shared.push(measured(&shop.address, *buyers as usize, "shared")?);
        alone.push(measured(&single.address, *buyers as usize, "alone")?);
    }
    let throughput = |seen: &[Seen]| seen.iter().map(|seen| seen.per_second).collect();
    let quantile = |quantile| shared.iter().map(|seen| seen.quantile_ms(quantile)).collect();
    Ok(Chart {
        title: "Durable purchases over buyers at once",
        axis: "buyers, each waiting for the answer",
        panels: vec![
            Panel {
                title: "purchases a second",
                lines: vec![
                    Line { name: "shared commits", values: throughput(&shared) },
                    Line { name: "one each", values: throughput(&alone) },
                ],
            },
            Panel {
                title: "time of a purchase with shared commits, ms",
                lines: vec![Line { name: "p50", values: quantile(0.5) }, Line { name: "p99", values: quantile(0.99) }],
            },
        ],
        places,
    })
}

fn products() -> Result<Chart, Box<dyn Error>> {
    let folder = workspace_folder();
    let shop = serve(&["durable", &folder.path().to_string_lossy(), "256"])?;
    let places: Vec<u64> = (0..=6).map(|power| 1 << power).collect();
    let mut seen = Vec::new();
    for products in &places {
        let rounds = (0..ROUNDS)
            .map(|round| benches::buyers::buy_of(&shop.address, (64, *products as usize), LASTING, &format!("{products}-{round}")));
        seen.push(middle(rounds.collect::<Result<_, _>>()?));
    }
    let quantile = |quantile| seen.iter().map(|seen| seen.quantile_ms(quantile)).collect();
    Ok(Chart {
        title: "Durable purchases of 64 buyers over products",
        axis: "products that are bought, evenly",
        panels: vec![
            Panel {
                title: "purchases a second",
                lines: vec![Line { name: "shared commits", values: seen.iter().map(|seen| seen.per_second).collect() }],
            },
            Panel {
                title: "time of a purchase, ms",
                lines: vec![Line { name: "p50", values: quantile(0.5) }, Line { name: "p99", values: quantile(0.99) }],
            },
        ],
        places,
    })
}

fn consumers() -> Result<Chart, Box<dyn Error>> {
    let folder = workspace_folder();
    let runtime = tokio::runtime::Runtime::new()?;
    let places: Vec<u64> = (0..=6).map(|power| 1 << power).collect();
    let (mut pace, mut wait) = (Vec::new(), Vec::new());
    for consumers in &places {
        let found = runtime.block_on(sustained(&stand()?, folder.path(), *consumers))?;
        pace.push(found.pace);
        wait.push(found.wait_ms);
    }
    Ok(Chart {
        title: "The whole pipeline over consumers",
        axis: "consumers of each queue: receives under way at once, ten messages each",
        panels: vec![
            Panel {
                title: "purchases a second up to which no backlog grows",
                lines: vec![Line { name: "sold, published, received, recorded", values: pace }],
            },
            Panel {
                title: "from a sale until it is recorded, at four fifths of that, mean, ms",
                lines: vec![Line { name: "wait", values: wait }],
            },
        ],
        places,
    })
}

fn backlog() -> Result<Chart, Box<dyn Error>> {
    let broker = serve(&["broker"])?;
    let places = vec![0, 1_000, 10_000, 100_000, 300_000, 1_000_000];
    let route = Route::lay(&broker.address, "backlog")?;
    let (mut waiting, mut cost, mut rate) = (0, Vec::new(), Vec::new());
    for backlog in &places {
        route.courier().pile_up((backlog - waiting) as usize)?;
        waiting = *backlog;
        let (mut costs, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (before, began) = (broker.cpu_us(), Instant::now());
            route.cycles(CLIENTS, CYCLES)?;
            let cycles = (CLIENTS * CYCLES) as f64;
            costs.push((broker.cpu_us() - before) / cycles);
            rates.push(cycles / began.elapsed().as_secs_f64());
        }
        costs.sort_unstable_by(f64::total_cmp);
        rates.sort_unstable_by(f64::total_cmp);
        cost.push(costs[ROUNDS / 2]);
        rate.push(rates[ROUNDS / 2]);
    }
    Ok(Chart {
        title: "The embedded broker over its backlog",
        axis: "messages waiting in the queue",
        panels: vec![
            Panel { title: "publish, receive, delete: cycles a second, 8 clients", lines: vec![Line { name: "cycles", values: rate }] },
            Panel { title: "processor time of the broker for a cycle, µs", lines: vec![Line { name: "server", values: cost }] },
        ],
        places,
    })
}

/// The picture, and its numbers as CSV.
fn write(out: &Path, name: &str, chart: &Chart) -> Result<(), Box<dyn Error>> {
    let path = |ending: &str| -> PathBuf { out.join(format!("{name}.{ending}")) };
    fs::write(path("svg"), chart.svg())?;
    let lines: Vec<(&str, &Line)> = chart.panels.iter().flat_map(|panel| panel.lines.iter().map(|line| (panel.title, line))).collect();
    let names = lines.iter().map(|(title, line)| format!(",\"{title}: {}\"", line.name)).collect::<String>();
    let row = |(index, place): (usize, &u64)| {
        let values = lines.iter().map(|(_, line)| format!(",{:.3}", line.values[index])).collect::<String>();
        format!("{place}{values}\n")
    };
    let rows = chart.places.iter().enumerate().map(row).collect::<String>();
    let text = format!("\"{}\"{names}\n{rows}", chart.axis);
    println!("{text}");
    fs::write(path("csv"), text)?;
    Ok(())
}
