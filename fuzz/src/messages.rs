//! Messages that the pipeline is handed, and what a tap looks for in a database connection.

use std::collections::BTreeMap;

use reference::messaging::envelope;

/// A message's body: an envelope of SNS, or not.
pub(crate) fn sns_envelope(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = envelope::parse(&text).is_ok();
    let Ok(incoming) = envelope::open(&text, &BTreeMap::new()) else { return };
    for name in incoming.attributes.keys() {
        let _ = (incoming.quantity(name).is_ok(), incoming.name(name).is_ok(), incoming.parsed::<u64>(name).is_ok());
    }
}

/// What a client sends to a MySQL server, in pieces as long as the first byte says. However it is cut, the same commits are in it.
pub(crate) fn commit(bytes: &[u8]) {
    let Some((piece, sent)) = bytes.split_first() else { return };
    let whole = chaos::tap::tcp::commits(sent, 1);
    let cut = chaos::tap::tcp::commits(sent, usize::from(*piece));
    assert!(cut <= whole, "a piece holds a COMMIT that a byte at a time does not show: {cut} of {whole}");
    assert_eq!(cut == 0, whole == 0, "a COMMIT is seen or not, however it is cut: {cut} of {whole}");
}
