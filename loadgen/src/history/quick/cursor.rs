//! A place in a line, and what is expected there.
//!
//! Everything returns None where something else stands: another field, a text that holds an escape, a control character or anything beyond ASCII, a number
//! that is unusual in any way. Eight bytes are looked at in one step wherever there are as many.

/// The same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The rest of a line.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The beginning of a line, if that is text.
    pub(super) fn new(line: &'a [u8]) -> Option<Self> {
        str::from_utf8(line).ok().map(|text| Self { line: text, rest: line })
    }

    /// Whether nothing but this is left.
    pub(super) fn is_at(&self, end: &[u8]) -> bool {
        self.rest == end
    }

    /// Passes what is expected, if it stands there.
    #[inline]
    pub(super) fn skip<const N: usize>(&mut self, expected: &[u8; N]) -> bool {
        match self.rest.split_first_chunk() {
            Some((found, rest)) if found == expected => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The text behind a name and its opening quote.
    #[inline]
    pub(super) fn text_after<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        if self.skip(name) { self.text() } else { None }
    }

    /// The same where the field may be missing.
    #[inline]
    pub(super) fn text_if<const N: usize>(&mut self, name: &[u8; N]) -> Option<Option<&'a str>> {
        if self.skip(name) { self.text().map(Some) } else { Some(None) }
    }

    /// The number behind a name.
    #[inline]
    pub(super) fn number_after<const N: usize>(&mut self, name: &[u8; N]) -> Option<u64> {
        if self.skip(name) { self.number() } else { None }
    }

    /// The same where the field may be missing.
    #[inline]
    pub(super) fn number_if<const N: usize>(&mut self, name: &[u8; N]) -> Option<Option<u64>> {
        if self.skip(name) { self.number().map(Some) } else { Some(None) }
    }

    /// A number that may be negative, where the field may be missing.
    #[inline]
    pub(super) fn signed_if<const N: usize>(&mut self, name: &[u8; N]) -> Option<Option<i64>> {
        if !self.skip(name) {
            return Some(None);
        }
        let negative = self.skip(b"-");
        let number = i64::try_from(self.number()?).ok()?;
        // A negative zero is a number to nobody but the general reader.
        if negative && number == 0 { None } else { Some(Some(if negative { -number } else { number })) }
    }

    /// True or false behind a name.
    #[inline]
    pub(super) fn truth_after<const N: usize>(&mut self, name: &[u8; N]) -> Option<bool> {
        if !self.skip(name) {
            None
        } else if self.skip(b"true") {
            Some(true)
        } else {
            self.skip(b"false").then_some(false)
        }
    }

    /// Up to the closing quote, which is passed.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let length = plain_length(self.rest);
        let (b'"', rest) = self.rest[length..].split_first()? else { return None };
        let begin = self.line.len() - self.rest.len();
        self.rest = rest;
        self.line.get(begin..begin + length)
    }

    /// Digits, as many as fit, without zeros in front.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        let (mut length, mut value) = digits(self.rest);
        if length == 8 {
            let (more, low) = digits(&self.rest[8..]);
            // Sixteen digits and more, and what has no eight bytes behind it, are counted out one by one.
            length = if more < 8 { 8 + more } else { 0 };
            value = value * 10_u64.pow(more as u32) + low;
        }
        if length == 0 || self.rest.len() < 16 {
            return self.any_number();
        }
        let zero_in_front = length > 1 && self.rest[0] == b'0';
        self.rest = &self.rest[length..];
        (!zero_in_front).then_some(value)
    }

    fn any_number(&mut self) -> Option<u64> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        let mut value = 0_u64;
        for digit in digits {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        self.rest = rest;
        (length == 1 || (length > 1 && digits[0] != b'0')).then_some(value)
    }
}

/// How many bytes of plain text stand there: no quote, no backslash, no control character, nothing beyond ASCII.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks();
    let mut length = 0;
    for chunk in chunks {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + rest.iter().take_while(|byte| (0x20..0x80).contains(*byte) && **byte != b'"' && **byte != b'\\').count()
}

/// The upper bit of each byte that is not plain text; of those above the lowest such byte nothing is said.
#[inline]
fn special_bytes(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(each(1)) & !word;
    let control = word.wrapping_sub(each(0x20)) & !word;
    (zero(word ^ each(b'"')) | zero(word ^ each(b'\\')) | control | word) & each(0x80)
}

/// How many of the first eight bytes are digits, from the first on, and the number that they make. None at all where there are fewer bytes.
#[inline]
fn digits(bytes: &[u8]) -> (usize, u64) {
    let Some(chunk) = bytes.first_chunk() else { return (0, 0) };
    let word = u64::from_le_bytes(*chunk);
    let bits = word ^ each(b'0');
    // A digit is left with its upper half zero, also after six were added to it.
    let others = (bits | bits.wrapping_add(each(6))) & each(0xf0);
    let length = others.trailing_zeros() as usize / 8;
    if length == 0 {
        return (0, 0);
    }
    // The digits move to the end, zeros before them.
    let digits = bits << (8 * (8 - length));
    let pairs = (digits.wrapping_mul(10)).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    (length, low.wrapping_add(high) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<u64> {
        Cursor::new(text.as_bytes())?.number_after(b"")
    }

    fn text<const N: usize>(line: &str, name: &[u8; N]) -> Option<String> {
        Cursor::new(line.as_bytes())?.text_after(name).map(str::to_owned)
    }

    #[test]
    fn numbers_of_every_length_are_read_wherever_they_end() {
        for value in (0..20).map(|digits| 10_u64.pow(digits)).flat_map(|power| [power - 1, power, power / 7 * 6]).chain([u64::MAX]) {
            for end in ["", "}", ",\"stock\":41}\n", "}\n00000000"] {
                assert_eq!(number(&format!("{value}{end}")), Some(value), "{value}{end}");
            }
        }
        for wrong in ["", "}", "-1", "01,\"", "00", "007,\"stock\":", "18446744073709551616", "99999999999999999999,\"a\":1"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_text_ends_at_its_quote_and_is_left_to_others_when_it_is_not_plain() {
        for length in 0..30 {
            let plain = "abcdefgh-0123456789ABCDEFGHIJ~".split_at(length).0;
            for end in ["\"", "\"}\n", "\",\"more\":\"text\"}\n"] {
                assert_eq!(text(&format!("\"{plain}{end}"), b"\"").as_deref(), Some(plain), "{plain}{end}");
            }
            for special in ["\\", "\n", "\u{1f}", "é", "\u{0}"] {
                let line = format!("\"{plain}{special}rest of it\"}}\n");
                assert_eq!(text(&line, b"\""), None, "{line}");
            }
            assert_eq!(text(plain, b""), None, "no quote");
        }
    }
}
