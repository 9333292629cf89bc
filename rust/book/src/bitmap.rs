//! A set of small numbers in three levels of 64-bit words: the next and the previous member in a few steps.

/// A set of numbers below a fixed size of at most 64^3.
#[derive(Clone, Debug)]
pub(crate) struct Bitmap {
    /// One bit per number.
    words: Vec<u64>,
    /// One bit per word that is not 0.
    groups: Vec<u64>,
    /// One bit per group that is not 0.
    top: u64,
}

impl Bitmap {
    pub(crate) fn new(size: usize) -> Self {
        debug_assert!(size <= 64 * 64 * 64, "three levels of 64");
        let words = size.div_ceil(64);
        Self { words: vec![0; words], groups: vec![0; words.div_ceil(64)], top: 0 }
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
        self.groups[at / 4096] |= 1 << (at / 64 % 64);
        self.top |= 1 << (at / 4096);
    }

    #[inline]
    pub(crate) fn clear(&mut self, at: usize) {
        let word = &mut self.words[at / 64];
        *word &= !(1 << (at % 64));
        if *word == 0 {
            let group = &mut self.groups[at / 4096];
            *group &= !(1 << (at / 64 % 64));
            if *group == 0 {
                self.top &= !(1 << (at / 4096));
            }
        }
    }

    /// The smallest member that is at least `at`.
    pub(crate) fn next(&self, at: usize) -> Option<usize> {
        let (word, group) = (at / 64, at / 4096);
        if let Some(bit) = first(self.words.get(word).copied()? & (!0 << (at % 64))) {
            return Some(word * 64 + bit);
        }
        let word = first(self.groups[group] & (!0 << (word % 64)) << 1).map(|bit| group * 64 + bit);
        let word = match word {
            Some(word) => word,
            None => first(self.top & (!0 << group) << 1).map(|group| group * 64 + low(self.groups[group]))?,
        };
        Some(word * 64 + low(self.words[word]))
    }

    /// The largest member that is at most `at`, which is below the size.
    pub(crate) fn prev(&self, at: usize) -> Option<usize> {
        let (word, group) = (at / 64, at / 4096);
        if let Some(bit) = last(self.words[word] & !(!1 << (at % 64))) {
            return Some(word * 64 + bit);
        }
        let word = last(self.groups[group] & !(!0 << (word % 64))).map(|bit| group * 64 + bit);
        let word = match word {
            Some(word) => word,
            None => last(self.top & !(!0 << group)).map(|group| group * 64 + high(self.groups[group]))?,
        };
        Some(word * 64 + high(self.words[word]))
    }
}

const fn low(word: u64) -> usize {
    word.trailing_zeros() as usize
}

const fn high(word: u64) -> usize {
    63 - word.leading_zeros() as usize
}

const fn first(word: u64) -> Option<usize> {
    if word == 0 { None } else { Some(low(word)) }
}

const fn last(word: u64) -> Option<usize> {
    if word == 0 { None } else { Some(high(word)) }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_a_set() {
        for size in [64usize, 256, 4096, 65_536, 262_144] {
            let (mut bitmap, mut set) = (Bitmap::new(size), BTreeSet::new());
            let mut state = 7u64;
            for round in 0..20_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = ((state >> 33) as usize % size) >> (round / 4000 % 3 * 2);
                if set.remove(&at) {
                    bitmap.clear(at);
                } else if round % 4000 < 2500 {
                    set.insert(at);
                    bitmap.set(at);
                }
                let from = (state >> 20) as usize % size;
                assert_eq!(bitmap.next(from), set.range(from..).next().copied(), "next {from} of {size}");
                assert_eq!(bitmap.prev(from), set.range(..=from).next_back().copied(), "prev {from} of {size}");
            }
        }
    }
}
