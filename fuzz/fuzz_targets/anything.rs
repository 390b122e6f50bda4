//! One program for all entrances: which one it is, the variable `ENTRANCE` says.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static ENTRANCE: std::sync::OnceLock<fuzz::Entrance> = std::sync::OnceLock::new();
    let chosen = ENTRANCE.get_or_init(|| {
        let name = std::env::var("ENTRANCE").unwrap_or_default();
        fuzz::entrance(&name).unwrap_or_else(|| panic!("set ENTRANCE to one of {:?}", fuzz::ENTRANCES.map(|entrance| entrance.name)))
    });
    (chosen.enter)(bytes);
});
