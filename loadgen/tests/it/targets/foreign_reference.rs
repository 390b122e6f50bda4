//! The reference as a stranger: started by somebody else, known by the contract alone. What it shows must hold.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property;
use serde_json::Value;

use super::{first_contact, property, run_against, target};
use crate::whole_command::Desk;

/// The reference without its factory, which the harness plays. Ends when the value is dropped.
struct Foreign {
    process: Child,
    addresses: Value,
}

impl Foreign {
    fn start(desk: &Desk, edition: &str, factory: u16) -> Self {
        let roles = ["broker", "sales", "relay", "replenish", "receiving", "advertising", "operations"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["reference", "serve"])
            .args(roles)
            .args(["--ready", "json", "--exit-with-parent", "--log-level", "warn", "--edition", edition, "--stock", "90"])
            .args(["--factory-url", &format!("http://127.0.0.1:{factory}"), "--broker-storage", "memory", "--data"])
            .arg(desk.path("shop"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, addresses: ready["addresses"].clone() }
    }

    fn address(&self, listener: &str) -> &str {
        self.addresses[listener].as_str().unwrap_or_else(|| panic!("no {listener} in {}", self.addresses))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn judge(edition: &str) {
    let desk = Desk::new(&first_contact(""));
    // Held until the harness takes it: nobody calls the factory before the run begins.
    let factory = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let foreign = Foreign::start(&desk, edition, factory);
    let file = std::fs::read_to_string(target(&format!("{edition}.toml"))).unwrap();
    let file = file
        .replace("http://127.0.0.1:8080", foreign.address("sales"))
        .replace("127.0.0.1:8081", &format!("127.0.0.1:{factory}"))
        .replace("http://127.0.0.1:4566", foreign.address("broker"));
    std::fs::write(desk.path("target.toml"), file).unwrap();
    let (code, result) = run_against(&desk, desk.path("target.toml").to_str().unwrap());
    assert_eq!((code, result.verdict()), (Some(0), Verdict::Pass), "{:#?}", result.proof.reasons);
    for shown in [Property::Conservation, Property::NoOverselling, Property::NoWrongRefusal, Property::EveryPromiseKept] {
        assert_eq!(property(&result, shown).judgement, Judgement::Holds, "{}", shown.name());
    }
    assert_eq!(property(&result, Property::NoLostOrder).judgement, Judgement::NotJudged, "no Node.js system of the course shows a ledger");
}

#[test]
fn the_donut_edition_passes_through_the_foreign_door() {
    judge("donut");
}

#[test]
fn the_shop_edition_passes_through_the_foreign_door() {
    judge("shop");
}
