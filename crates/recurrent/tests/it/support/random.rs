//! A random number generator for test data.

/// SplitMix64 (Steele, Lea and Flood, 2014). Every test run has the same numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.range(0, from.len() as i64 - 1) as usize]
    }

    /// True with probability 1/n.
    pub fn once_in(&mut self, n: i64) -> bool {
        self.range(1, n) == 1
    }

    /// `right`, or with probability 1/n one of `wrong`.
    pub fn mostly<T: Copy>(&mut self, right: T, n: i64, wrong: &[T]) -> T {
        if self.once_in(n) { self.pick(wrong) } else { right }
    }

    /// 1 to `count` numbers from 1 to `most`.
    pub fn lengths(&mut self, count: i64, most: i64) -> Vec<i64> {
        (0..self.range(1, count)).map(|_| self.range(1, most)).collect()
    }

    /// A permutation of `0..n` (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut permutation: Vec<i64> = (0..n as i64).collect();
        for last in (1..n).rev() {
            permutation.swap(last, self.range(0, last as i64) as usize);
        }
        permutation
    }
}
