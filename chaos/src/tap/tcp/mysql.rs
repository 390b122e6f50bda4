//! Finds COMMIT in what a client sends in MySQL's protocol: packets of a 3-byte length, a sequence number (0 begins a command) and a
//! payload, whose first byte says COM_QUERY. It sees nothing in a connection that is encrypted or compressed.

const HEADER: usize = 4;
const COM_QUERY: u8 = 3;
const COMMIT: &[u8] = b"COMMIT";
/// COM_QUERY, COMMIT and room for blanks and a semicolon; a longer packet is no bare COMMIT.
const LONGEST: usize = 16;

/// Follows the packets of one direction of one connection, wherever the pieces are cut.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    header: [u8; HEADER],
    header_read: usize,
    payload_left: usize,
    payload: [u8; LONGEST],
    payload_read: usize,
    /// Offset of the packet in the piece at hand; 0 when it began in an earlier one.
    begins: usize,
}

impl Scanner {
    /// Where in this piece a packet with COMMIT begins, when one ends in it.
    pub(super) fn scan(&mut self, piece: &[u8]) -> Option<usize> {
        self.begins = 0;
        let mut found = None;
        let mut at = 0;
        while at < piece.len() {
            if self.header_read == 0 {
                self.begins = at;
            }
            if self.header_read < HEADER {
                self.header[self.header_read] = piece[at];
                self.header_read += 1;
                at += 1;
                if self.header_read == HEADER {
                    self.begin_payload();
                }
                continue;
            }
            let taken = self.payload_left.min(piece.len() - at);
            self.keep(&piece[at..at + taken]);
            at += taken;
            self.payload_left -= taken;
            if self.payload_left == 0 {
                if self.is_commit() {
                    found.get_or_insert(self.begins);
                }
                self.header_read = 0;
            }
        }
        found
    }

    fn begin_payload(&mut self) {
        self.payload_left = usize::from(self.header[0]) | usize::from(self.header[1]) << 8 | usize::from(self.header[2]) << 16;
        self.payload_read = 0;
        if self.payload_left == 0 {
            self.header_read = 0;
        }
    }

    /// Keeps the beginning; a payload that is longer is marked by being longer.
    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.payload_read).min(bytes.len());
        self.payload[self.payload_read.min(LONGEST)..][..room].copy_from_slice(&bytes[..room]);
        self.payload_read += bytes.len();
    }

    fn is_commit(&self) -> bool {
        let begins_a_command = self.header[3] == 0;
        let Some([COM_QUERY, text @ ..]) = self.payload.get(..self.payload_read) else { return false };
        let text = text.trim_ascii();
        let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
        begins_a_command && text.eq_ignore_ascii_case(COMMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(sql: &str) -> Vec<u8> {
        let length = u8::try_from(sql.len() + 1).unwrap();
        [&[length, 0, 0, 0, COM_QUERY], sql.as_bytes()].concat()
    }

    #[test]
    fn a_commit_is_found_where_it_begins() {
        let before = query("UPDATE items SET stock = 1 -- COMMIT");
        let piece = [before.clone(), query("commit ;"), query("BEGIN")].concat();
        assert_eq!(Scanner::default().scan(&piece), Some(before.len()));
    }

    #[test]
    fn it_is_found_wherever_the_pieces_are_cut() {
        let stream = [query("BEGIN"), query("COMMIT"), query("BEGIN")].concat();
        for cut in 1..stream.len() {
            let mut scanner = Scanner::default();
            let found = [scanner.scan(&stream[..cut]), scanner.scan(&stream[cut..])];
            assert_eq!(found.iter().flatten().count(), 1, "cut at {cut}");
        }
    }

    #[test]
    fn nothing_else_is_one() {
        let mut answer_to_a_greeting = query("COMMIT");
        answer_to_a_greeting[3] = 1;
        for piece in
            [query("COMMITTED"), query("ROLLBACK"), query("SELECT 'COMMIT'"), answer_to_a_greeting, vec![0, 0, 0, 0], vec![0xff; 100]]
        {
            assert_eq!(Scanner::default().scan(&piece), None, "{piece:?}");
        }
    }
}
