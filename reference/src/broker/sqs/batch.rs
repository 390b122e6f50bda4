//! Batches: rules that all three kinds share, and answers that tell per entry what became of it.

use std::collections::HashSet;

use serde::Serialize;

use crate::broker::refusal::Refusal;

/// What became of a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchAnswer<T> {
    successful: Vec<T>,
    failed: Vec<FailedEntry>,
}

/// An entry that failed, while others may have succeeded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

/// Most entries of a batch.
pub(crate) const MAX_ENTRIES: usize = 10;

/// Checks what makes a whole batch void: how many entries, and their ids.
pub(crate) fn check_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Refusal> {
    match ids.len() {
        0 => return Err(Refusal::EmptyBatch),
        1..=MAX_ENTRIES => {}
        more => return Err(Refusal::TooManyEntries(more)),
    }
    let mut seen = HashSet::new();
    for id in ids {
        let sound = (1..=80).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !sound {
            return Err(Refusal::InvalidBatchEntryId);
        }
        if !seen.insert(id) {
            return Err(Refusal::BatchIdsNotDistinct(id.to_owned()));
        }
    }
    Ok(())
}

/// Collects per-entry results.
pub(crate) fn collect<T>(results: impl IntoIterator<Item = (String, Result<T, Refusal>)>) -> BatchAnswer<T> {
    let mut answer = BatchAnswer { successful: Vec::new(), failed: Vec::new() };
    for (id, result) in results {
        match result {
            Ok(done) => answer.successful.push(done),
            Err(refusal) => {
                let wire = refusal.wire();
                answer.failed.push(FailedEntry {
                    id,
                    sender_fault: wire.status.is_client_error(),
                    code: wire.code,
                    message: refusal.to_string(),
                });
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_few_distinct_and_plain() {
        assert_eq!(check_ids(["a", "b-1"].into_iter()), Ok(()));
        assert_eq!(check_ids([].into_iter()), Err(Refusal::EmptyBatch));
        assert_eq!(check_ids(["a"; 11].into_iter()), Err(Refusal::TooManyEntries(11)));
        assert_eq!(check_ids(["a", "a"].into_iter()), Err(Refusal::BatchIdsNotDistinct("a".into())));
        assert_eq!(check_ids(["a b"].into_iter()), Err(Refusal::InvalidBatchEntryId));
    }
}
