//! Receipt handles: which message, and which receive of it. They survive a restart of the broker.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use siphasher::sip::SipHasher13;

use crate::broker::refusal::Refusal;

/// What a receipt handle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) queue: u32,
    pub(crate) sequence: u64,
    /// The how-manieth receive it was.
    pub(crate) receive_count: u32,
}

/// Seeds the checksum. It tells handles from garbage; it is no protection against forgery, which a local broker does not need.
const CHECK_SEED: u64 = 0x7265_6365_6970_7431;

impl Receipt {
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0u8; 24];
        bytes[..4].copy_from_slice(&self.queue.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.receive_count.to_be_bytes());
        let check = SipHasher13::new_with_keys(CHECK_SEED, 0).hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&check.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a handle that was given out by this queue.
    pub(crate) fn decode(handle: &str, queue: u32) -> Result<Self, Refusal> {
        let garbage = || Refusal::ReceiptHandleIsInvalid("it was not given out by this broker.");
        let bytes: [u8; 24] = BASE64_URL_SAFE_NO_PAD.decode(handle).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(garbage)?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let double = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        if double(16) != SipHasher13::new_with_keys(CHECK_SEED, 0).hash(&bytes[..16]) {
            return Err(garbage());
        }
        let receipt = Self { queue: word(0), sequence: double(4), receive_count: word(12) };
        if receipt.queue == queue { Ok(receipt) } else { Err(Refusal::ReceiptHandleIsInvalid("it belongs to another queue.")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_read_back_by_their_own_queue_only() {
        let receipt = Receipt { queue: 7, sequence: u64::MAX - 3, receive_count: 2 };
        let handle = receipt.encode();
        assert_eq!(Receipt::decode(&handle, 7), Ok(receipt));
        assert!(Receipt::decode(&handle, 8).is_err());
        assert!(Receipt::decode("garbage", 7).is_err());
        let damaged = format!("{}A", &handle[..handle.len() - 1]);
        assert!(damaged == handle || Receipt::decode(&damaged, 7).is_err());
    }
}
