//! Random numbers for writing text: their own, so that what is drawn depends on `--seed` and on nothing else.

/// SplitMix64 (Steele, Lea and Flood, 2014): one 64-bit word of state, every seed good.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A sequence of its own for every seed.
    pub fn new(seed: u64) -> SplitMix64 {
        SplitMix64(seed)
    }

    /// The next number, uniform in `[0, 1)`, in steps of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// An index drawn with these weights, which need not add up to 1; `None` if none is above 0.
    pub fn choose(&mut self, weights: &[f64]) -> Option<usize> {
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        let mut last = None;
        for (index, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            left -= weight;
            last = Some(index);
            if left < 0.0 {
                break;
            }
        }
        last // where rounding left something over, too
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        // The first outputs for seed 1234567 of the reference implementation (prng.di.unimi.it/splitmix64.c).
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn indices_come_as_often_as_their_weights_say() {
        let mut random = SplitMix64::new(0);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[random.choose(&[1.0, 0.0, 3.0]).unwrap()] += 1;
        }
        assert!(counts[1] == 0 && (2300..2700).contains(&counts[0]), "{counts:?}");
        assert_eq!(random.choose(&[0.0, 0.0]), None);
    }
}
