//! A page that lists the runs of a folder: what was run, how it ended, and where its report is.
//!
//! It is made when it is asked for (`loadgen index`), not by every run: a run writes into its own folder only, so that it can be moved and several
//! can go on at once, and whoever runs a matrix of hundreds does not read hundreds of results after each.

pub mod row;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use self::row::Row;
use crate::page::{Page, RenderError};
use crate::result::FILE_NAME;

const PAGE: Page = Page { template: include_str!("../assets/index.html"), script: include_str!("../assets/index.js") };

/// Name of the page in the folder.
pub const INDEX_FILE: &str = "index.html";

/// Folders below the given one that are looked into: runs stand side by side, and those of a matrix one folder deeper.
const DEPTH: usize = 2;

/// Why there is no page.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum IndexError {
    #[error("cannot read the folder {path} (give one that holds run folders, as reports)")]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "{path} holds no run: there is no {FILE_NAME} in it nor in the folders below; runs land in `reports` unless --out said otherwise"
    )]
    Nothing { path: PathBuf },
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot render the list of runs; the runs are kept, and a mended version lists them")]
    Html(#[from] RenderError),
}

/// The runs of a folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Index {
    /// Those that can be read, the latest first.
    pub rows: Vec<Row>,
    /// Those that cannot: where, why.
    pub unreadable: Vec<(String, String)>,
}

impl Index {
    /// Reads every run in and below a folder.
    ///
    /// # Errors
    /// [`IndexError`] when the folder cannot be read, or holds no run.
    pub fn read(folder: &Path) -> Result<Self, IndexError> {
        let mut index = Self::default();
        index.look_into(folder, folder, DEPTH)?;
        if index.rows.is_empty() && index.unreadable.is_empty() {
            return Err(IndexError::Nothing { path: folder.to_owned() });
        }
        index.rows.sort_by(|a, b| b.started_unix_ms.cmp(&a.started_unix_ms).then_with(|| a.folder.cmp(&b.folder)));
        index.unreadable.sort();
        Ok(index)
    }

    fn look_into(&mut self, root: &Path, folder: &Path, depth: usize) -> Result<(), IndexError> {
        let failed = |source| IndexError::Folder { path: folder.to_owned(), source };
        if folder.join(FILE_NAME).is_file() {
            let name = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned();
            match Row::read(folder, &name) {
                Ok(row) => self.rows.push(row),
                Err(why) => self.unreadable.push((name, why)),
            }
            return Ok(());
        }
        if depth == 0 {
            return Ok(());
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A link could lead anywhere, even back here.
            if entry.file_type().map_err(failed)?.is_dir() {
                self.look_into(root, &entry.path(), depth - 1)?;
            }
        }
        Ok(())
    }

    /// The page: one file, loads nothing.
    ///
    /// # Errors
    /// When the template and its data do not fit.
    pub fn render(&self) -> Result<String, RenderError> {
        PAGE.render(self)
    }

    /// Writes the page into a folder and answers where it is.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, IndexError> {
        let path = folder.join(INDEX_FILE);
        let page = self.render()?;
        fs::write(&path, page).map_err(|source| IndexError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_run_is_an_error_that_says_where_runs_land() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Index::read(folder.path()).unwrap_err().to_string().contains("`reports`"));
        assert!(matches!(Index::read(&folder.path().join("absent")), Err(IndexError::Folder { .. })));
    }

    #[test]
    fn a_result_of_another_version_is_listed_with_its_reason_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a", r#"{"schema": 999}"#), ("b", "no json")] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(FILE_NAME), text).unwrap();
        }
        let index = Index::read(folder.path()).unwrap();
        assert_eq!(index.rows, []);
        assert_eq!(index.unreadable.len(), 2);
        assert!(index.unreadable[0].1.contains("schema 999"), "{:?}", index.unreadable);
        assert!(index.render().unwrap().contains("schema 999"));
    }
}
