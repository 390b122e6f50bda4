//! How often an id was seen, in bounded memory, without locks and without allocating.
//!
//! A table of buckets that each fill a cache line. An id belongs to one bucket; where that is full, the id that was not seen for longest gives way. A bucket
//! must take in eight other ids for that: with a table of this size, of ids that come again within 100,000 others about one in 10⁸ is forgotten.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decision::{Point, Whom};

/// Two million ids, 16 MiB.
const BUCKETS: usize = 1 << 18;

/// Ids per bucket: as many as a cache line has room for.
const WAYS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Made when the first rule comes into force; most sets of faults never have one.
    buckets: OnceLock<Box<[Bucket]>>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket([AtomicU64; WAYS]);

/// What a bucket knows of one id, in one word: a part of its fingerprint, when it was last seen (by the bucket's own count), and how often. Zero is nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen(u64);

impl Seen {
    const NOBODY: Self = Self(0);
    const TIMES_BITS: u32 = 20;
    const TURN_BITS: u32 = 8;
    const MOST_TIMES: u64 = (1 << Self::TIMES_BITS) - 1;

    fn new(id: u64, turn: u8, times: u64) -> Self {
        Self((id << (Self::TIMES_BITS + Self::TURN_BITS)) | (u64::from(turn) << Self::TIMES_BITS) | times.min(Self::MOST_TIMES))
    }

    /// 36 bits; with those that chose the bucket, two ids of two million are taken for one in fewer than one run in a thousand.
    fn id(self) -> u64 {
        self.0 >> (Self::TIMES_BITS + Self::TURN_BITS)
    }

    fn turn(self) -> u8 {
        (self.0 >> Self::TIMES_BITS) as u8
    }

    fn times(self) -> u64 {
        self.0 & Self::MOST_TIMES
    }
}

impl Attempts {
    /// Makes room, so that no decision has to.
    pub(super) fn prepare(&self) {
        self.buckets();
    }

    /// 0 for the first time that the id passes the point of the hop while rules are in force.
    pub(super) fn next(&self, point: Point, whom: Whom) -> u32 {
        let number = whom.at(point);
        let bucket = &self.buckets()[number as usize % BUCKETS];
        bucket.next(number >> (Seen::TIMES_BITS + Seen::TURN_BITS))
    }

    fn buckets(&self) -> &[Bucket] {
        self.buckets.get_or_init(|| std::iter::repeat_with(Bucket::default).take(BUCKETS).collect())
    }
}

impl Bucket {
    /// How often the id was seen before; it counts as seen once more.
    fn next(&self, id: u64) -> u32 {
        loop {
            let seen: [Seen; WAYS] = std::array::from_fn(|way| Seen(self.0[way].load(Ordering::Relaxed)));
            let (way, next) = decide(&seen, id);
            // Whoever changed this place meanwhile may have been the same id.
            if self.0[way].compare_exchange_weak(seen[way].0, next.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                // Twenty bits at most, and at least one.
                return (next.times() - 1) as u32;
            }
        }
    }
}

/// Where the id stands from now on, and as what: its old place, or the first free one, or that of whoever was not seen for longest.
fn decide(seen: &[Seen; WAYS], id: u64) -> (usize, Seen) {
    let known = seen.iter().position(|seen| *seen != Seen::NOBODY && seen.id() == id);
    let newest = newest(seen);
    if let Some(way) = known {
        let turn = if seen[way].turn() == newest { newest } else { newest.wrapping_add(1) };
        return (way, Seen::new(id, turn, seen[way].times() + 1));
    }
    let free = seen.iter().position(|seen| *seen == Seen::NOBODY);
    let way = free.unwrap_or_else(|| (0..WAYS).max_by_key(|way| newest.wrapping_sub(seen[*way].turn())).unwrap_or(0));
    (way, Seen::new(id, newest.wrapping_add(1), 1))
}

/// The latest turn in a bucket. Turns begin anew after 255, so the latest is the one behind which the others are closest.
fn newest(seen: &[Seen; WAYS]) -> u8 {
    let mut present = seen.iter().filter(|seen| **seen != Seen::NOBODY).map(|seen| seen.turn());
    let Some(first) = present.next() else { return 0 };
    present.fold(first, |newest, turn| if turn.wrapping_sub(newest) < 128 { turn } else { newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_an_id_passes_a_point_of_a_hop_is_its_next_attempt() {
        let attempts = Attempts::default();
        let next = |point, hop, id| attempts.next(point, Whom::new(hop, id));
        assert_eq!([next(Point::Request, "sales", "a"), next(Point::Request, "sales", "a"), next(Point::Request, "sales", "a")], [0, 1, 2]);
        assert_eq!([next(Point::Send, "sales", "a"), next(Point::Request, "relay", "a"), next(Point::Request, "sales", "b")], [0, 0, 0]);
    }

    #[test]
    fn a_hundred_thousand_ids_are_told_apart_and_remembered() {
        let attempts = Attempts::default();
        for attempt in 0..3 {
            let wrong = (0..100_000).filter(|n| attempts.next(Point::Request, Whom::new("sales", &n.to_string())) != attempt).count();
            assert_eq!(wrong, 0);
        }
    }

    #[test]
    fn a_full_bucket_forgets_whom_it_has_not_seen_for_longest() {
        let bucket = Bucket::default();
        for round in 0..100 {
            for id in 1..=8 {
                assert_eq!(bucket.next(id), round, "{id}");
            }
        }
        assert_eq!(bucket.next(1), 100);
        assert_eq!(bucket.next(9), 0, "2 gives way, it is the oldest");
        assert_eq!((bucket.next(1), bucket.next(3), bucket.next(2)), (101, 100, 0));
    }

    #[test]
    fn attempts_of_one_id_from_many_threads_are_all_counted() {
        let attempts = Attempts::default();
        let each = |_| (0..1_000).map(|_| attempts.next(Point::Request, Whom::new("sales", "a"))).collect::<Vec<u32>>();
        let mut all: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || each(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..4_000));
    }
}
