//! What a process says when it is ready: where each thing listens, and what to try; or one line of JSON for a program that started it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::edition::EditionName;

/// The ready line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true; a program may look for it.
    pub ready: bool,
    /// Process id.
    pub pid: u32,
    /// Roles of this process.
    pub roles: Vec<String>,
    /// Base URL of each listener, by role; `admin` beside them.
    pub addresses: BTreeMap<String, String>,
    /// Which shop.
    pub edition: EditionName,
    /// Folder of databases and journals.
    pub data: PathBuf,
    /// What time this process believes it was, in microseconds since the Unix epoch.
    pub clock_us: i64,
}

impl Ready {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a ready line is plain text")
    }

    /// Lines for a person. `status` is the command line that shows where everything stands.
    #[must_use]
    pub fn for_a_person(&self, status: Option<&str>) -> String {
        let mut lines = vec![format!("edition {}, roles {}", self.edition, self.roles.join(", "))];
        lines.extend(self.addresses.iter().map(|(role, address)| format!("  {role:<10} {address}")));
        lines.extend(self.addresses.get("broker").map(|broker| format!("  {:<10} {broker}/mails", "e-mails")));
        lines.push(format!("  {:<10} {}", "data", self.data.display()));
        let commands: Vec<_> = self.try_it().into_iter().chain(status.map(str::to_owned)).map(|command| format!("  {command}")).collect();
        if !commands.is_empty() {
            lines.push("try:".to_owned());
            lines.extend(commands);
        }
        lines.push("Ctrl-C ends it and keeps the data".to_owned());
        lines.join("\n")
    }

    /// A command line that buys something, where this process sells.
    #[must_use]
    pub fn try_it(&self) -> Option<String> {
        let sales = self.addresses.get("sales")?;
        let (path, body) = match self.edition {
            EditionName::Donut => {
                ("checkout", r#"{"MessageAttributeProductCnt": 3, "MessageAttributeFactoryId": "FF-500293", "requester": "me"}"#)
            }
            EditionName::Shop => ("item", r#"{"item_name": "Item2", "quantity": 1, "requester": "me"}"#),
        };
        Some(format!("curl -s {sales}/{path} -H 'content-type: application/json' -d '{body}'"))
    }
}
