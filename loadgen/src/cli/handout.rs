//! What the program hands out without running anything: files to begin with, schemas, completions, manual pages.

use std::io::Error;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::Cli;
use super::execute::{complain, print};
use crate::exit::Exit;
use crate::init::{self, InitError};
use crate::schema::SchemaOf;

/// Commands that only hand something out.
#[derive(Debug, Subcommand)]
pub enum Handout {
    /// Write a target and a scenario to begin with, each line explained, and the schemas that tell an editor about them
    Init {
        /// Folder that takes them; nothing in it is overwritten
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Print the JSON Schema of scenario or target files, for editors
    Schema {
        /// Of which files
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Print what a shell needs to complete this command line
    Completions {
        /// For which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Write it there, with a page for each command, instead of printing it
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl Handout {
    /// Hands it out.
    #[must_use]
    pub fn give(self) -> Exit {
        match self {
            Handout::Init { folder } => match init::init(&folder) {
                Ok(written) => print(&written.to_string()),
                Err(error @ InitError::Exists(_)) => complain(&error, Exit::Usage),
                Err(error) => complain(&error, Exit::Harness),
            },
            Handout::Schema { of } => print(&of.document()),
            Handout::Completions { shell } => print(&completions(shell)),
            Handout::Man { out } => match out {
                None => print(&manual()),
                Some(folder) => manual_pages(&folder),
            },
        }
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "loadgen", &mut script);
    String::from_utf8(script).expect("help texts are UTF-8")
}

fn manual() -> String {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).expect("memory takes everything");
    String::from_utf8(page).expect("help texts are UTF-8")
}

fn manual_pages(folder: &Path) -> Exit {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match written {
        Ok(()) => Exit::Pass,
        Err(error) => {
            let message = format!("cannot write manual pages to {} ({error}); choose another place with --out", folder.display());
            complain(&Error::other(message), Exit::Harness)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_the_commands_that_are_shown() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            assert!(script.contains("scenarios") && script.contains("allow-remote"), "{shell}");
        }
    }

    #[test]
    fn the_manual_names_commands_options_and_exit_codes() {
        let page = manual();
        for part in ["loadgen\\-check", "\\-\\-scenario", "Exit codes", "loadgen\\-target"] {
            assert!(page.contains(part), "{part}:\n{page}");
        }
        assert!(!page.contains("leash"), "hidden commands stay hidden");
    }

    #[test]
    fn each_command_has_a_page_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(manual_pages(folder.path()), Exit::Pass);
        for page in ["loadgen.1", "loadgen-check.1", "loadgen-init.1", "loadgen-target-check.1"] {
            assert!(folder.path().join(page).is_file(), "{page}");
        }
    }
}
