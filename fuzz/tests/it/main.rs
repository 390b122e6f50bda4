//! Each entrance with its corpus, and with two thousand changes of it that are the same every time. Real fuzzing is another matter: `README.md`.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzz::{ENTRANCES, Entrance};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changes tried per entrance. Few: this runs with every change.
const CHANGES: usize = 2_000;

/// No input may take longer, on a machine that does much else.
const LONGEST: Duration = Duration::from_secs(30);

fn corpus(entrance: Entrance) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(entrance.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<_> = files.map(|file| file.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    found.sort();
    assert!(!found.is_empty(), "{} has a corpus", entrance.name);
    found
}

/// A few bytes flipped, cut out, doubled or taken from another input.
fn changed(chance: &mut impl Rng, inputs: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = inputs[chance.random_range(0..inputs.len())].1.clone();
    for _ in 0..chance.random_range(1..6) {
        let at = chance.random_range(0..=bytes.len());
        let end = (at + chance.random_range(1..40)).min(bytes.len());
        match chance.random_range(0..5) {
            0 if at < bytes.len() => bytes[at] = chance.random(),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            3 => bytes.truncate(at),
            _ => {
                let other = &inputs[chance.random_range(0..inputs.len())].1;
                let from = chance.random_range(0..=other.len());
                let to = (from + chance.random_range(1..200)).min(other.len());
                bytes.splice(at..end, other[from..to].to_vec()).for_each(drop);
            }
        }
    }
    bytes
}

fn try_all(name: &str) {
    let entrance = fuzz::entrance(name).unwrap();
    let inputs = corpus(entrance);
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let changes = (0..CHANGES).map(|_| changed(&mut chance, &inputs)).collect::<Vec<_>>();
    for bytes in inputs.iter().map(|(_, bytes)| bytes).chain(&changes) {
        let began = Instant::now();
        (entrance.enter)(bytes);
        assert!(began.elapsed() < LONGEST, "{name} took {:?} for {:?}", began.elapsed(), String::from_utf8_lossy(bytes));
    }
}

macro_rules! tried {
    ($($name:ident),*) => {
        $(#[test] fn $name() { try_all(stringify!($name)); })*
        const TRIED: &[&str] = &[$(stringify!($name)),*];
    };
}

tried!(broker, http_body, factory_order, http_answer, aws_tap, sns_envelope, commit, scenario, target, history);

#[test]
fn every_entrance_is_tried() {
    assert_eq!(ENTRANCES.map(|entrance| entrance.name), TRIED);
}
