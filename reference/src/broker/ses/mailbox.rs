//! The e-mails that were sent: the latest in memory, and with a folder in a file with one JSON object a line.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// An e-mail, with the names that LocalStack gives its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) timestamp: String,
    pub(crate) source: String,
    pub(crate) destination: Recipients,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reply_to: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Parts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw_data: Option<String>,
}

/// Who gets an e-mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Recipients {
    pub(crate) to_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cc_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bcc_addresses: Vec<String>,
}

/// The body as text and as HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    pub(crate) text_part: Option<String>,
    pub(crate) html_part: Option<String>,
}

/// An e-mail as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// Id that SES gave it.
    pub id: String,
    /// When it was sent.
    pub at: String,
    /// Subject.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// The e-mails.
#[derive(Debug)]
pub(crate) struct Mailbox {
    mails: VecDeque<Mail>,
    /// Bytes of all texts of the e-mails.
    bytes: usize,
    limit: usize,
    file: Option<MailFile>,
}

#[derive(Debug)]
struct MailFile {
    path: PathBuf,
    file: File,
    lines: usize,
}

/// Bytes of texts kept in memory, whatever the number of e-mails.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why e-mails cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep or read mails in {}", .path.display())]
pub(crate) struct MailboxError {
    path: PathBuf,
    source: io::Error,
}

impl Mail {
    /// What it says, as far as it is text.
    pub(super) fn text(&self) -> &str {
        let parts = self.body.as_ref().and_then(|body| body.text_part.as_deref().or(body.html_part.as_deref()));
        parts.or(self.raw_data.as_deref()).unwrap_or_default()
    }

    fn size(&self) -> usize {
        let recipients = [&self.destination.to_addresses, &self.destination.cc_addresses, &self.destination.bcc_addresses, &self.reply_to];
        let addresses: usize = recipients.into_iter().flatten().map(String::len).sum();
        let parts = self.body.as_ref().map_or([None, None], |body| [body.text_part.as_ref(), body.html_part.as_ref()]);
        let texts = parts.into_iter().chain([self.subject.as_ref(), self.raw_data.as_ref()]).flatten();
        addresses + self.source.len() + texts.map(String::len).sum::<usize>()
    }
}

impl From<&Mail> for Letter {
    fn from(mail: &Mail) -> Self {
        Self {
            id: mail.id.clone(),
            at: mail.timestamp.clone(),
            subject: mail.subject.clone().unwrap_or_default(),
            text: mail.text().to_owned(),
        }
    }
}

impl Mailbox {
    pub(crate) fn in_memory(limit: usize) -> Self {
        Self { mails: VecDeque::new(), bytes: 0, limit, file: None }
    }

    /// Reads the e-mails of a folder. A line that a kill has cut is left out: its sender was told nothing.
    pub(crate) fn in_folder(folder: &Path, limit: usize) -> Result<Self, MailboxError> {
        let path = folder.join("mails.jsonl");
        let failed = |source| MailboxError { path: path.clone(), source };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let mails: VecDeque<Mail> = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let bytes = mails.iter().map(Mail::size).sum();
        let mut mailbox = Self { mails, bytes, limit, file: None };
        mailbox.trim();
        mailbox.file = Some(mailbox.write_anew(&path).map_err(failed)?);
        Ok(mailbox)
    }

    /// Keeps an e-mail; with a folder, before anybody is told so.
    pub(crate) fn keep(&mut self, mail: Mail) -> Result<(), MailboxError> {
        if let Some(MailFile { path, file, lines }) = &mut self.file {
            let failed = |source| MailboxError { path: path.clone(), source };
            let mut line = serde_json::to_vec(&mail).map_err(|error| failed(error.into()))?;
            line.push(b'\n');
            file.write_all(&line).map_err(failed)?;
            *lines += 1;
        }
        self.bytes += mail.size();
        self.mails.push_back(mail);
        self.trim();
        // The file may grow to twice of what is kept before it is written anew.
        match self.file.take() {
            Some(file) if file.lines > 2 * self.limit => self.rewrite(file),
            file => {
                self.file = file;
                Ok(())
            }
        }
    }

    /// Forgets all e-mails, or one.
    pub(crate) fn forget(&mut self, id: Option<&str>) -> Result<(), MailboxError> {
        self.mails.retain(|mail| id.is_some_and(|id| mail.id != id));
        self.bytes = self.mails.iter().map(Mail::size).sum();
        match self.file.take() {
            Some(file) => self.rewrite(file),
            None => Ok(()),
        }
    }

    /// Oldest first.
    pub(crate) fn mails(&self) -> impl DoubleEndedIterator<Item = &Mail> + ExactSizeIterator {
        self.mails.iter()
    }

    fn trim(&mut self) {
        while self.mails.len() > self.limit || self.bytes > MAX_BYTES && self.mails.len() > 1 {
            let Some(oldest) = self.mails.pop_front() else { break };
            self.bytes -= oldest.size();
        }
    }

    /// Writes the file anew; if that fails, the old one stays in use.
    fn rewrite(&mut self, old: MailFile) -> Result<(), MailboxError> {
        let (file, result) = match self.write_anew(&old.path) {
            Ok(file) => (file, Ok(())),
            Err(source) => {
                let path = old.path.clone();
                (old, Err(MailboxError { path, source }))
            }
        };
        self.file = Some(file);
        result
    }

    fn write_anew(&self, path: &Path) -> io::Result<MailFile> {
        let mut text = Vec::new();
        for mail in &self.mails {
            serde_json::to_writer(&mut text, mail)?;
            text.push(b'\n');
        }
        let fresh = path.with_extension("jsonl.new");
        fs::write(&fresh, text)?;
        fs::rename(&fresh, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(MailFile { path: path.to_owned(), file, lines: self.mails.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(id: usize) -> Mail {
        Mail { id: id.to_string(), ..Mail::default() }
    }

    fn ids(mailbox: &Mailbox) -> Vec<&str> {
        mailbox.mails().map(|mail| mail.id.as_str()).collect()
    }

    #[test]
    fn mails_are_read_back_without_the_cut_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let mut mailbox = Mailbox::in_folder(folder.path(), 10).unwrap();
        for id in 0..3 {
            mailbox.keep(mail(id)).unwrap();
        }
        drop(mailbox);
        OpenOptions::new().append(true).open(folder.path().join("mails.jsonl")).unwrap().write_all(b"{\"Id\":\"9").unwrap();
        let mut mailbox = Mailbox::in_folder(folder.path(), 10).unwrap();
        assert_eq!(ids(&mailbox), ["0", "1", "2"]);
        mailbox.forget(Some("1")).unwrap();
        mailbox.keep(mail(3)).unwrap();
        assert_eq!(ids(&Mailbox::in_folder(folder.path(), 10).unwrap()), ["0", "2", "3"]);
    }

    #[test]
    fn large_mails_do_not_fill_the_memory() {
        let mut mailbox = Mailbox::in_memory(1_000);
        let large = || Mail { raw_data: Some("x".repeat(MAX_BYTES / 4)), ..Mail::default() };
        for _ in 0..6 {
            mailbox.keep(large()).unwrap();
        }
        assert_eq!(mailbox.mails().len(), 4);
        mailbox.forget(None).unwrap();
        assert_eq!(mailbox.bytes, 0);
    }

    #[test]
    fn only_the_latest_are_kept_and_the_file_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut mailbox = Mailbox::in_folder(folder.path(), 3).unwrap();
        for id in 0..100 {
            mailbox.keep(mail(id)).unwrap();
        }
        assert_eq!(ids(&mailbox), ["97", "98", "99"]);
        let lines = fs::read_to_string(folder.path().join("mails.jsonl")).unwrap().lines().count();
        assert!((3..=6).contains(&lines), "{lines}");
    }
}
