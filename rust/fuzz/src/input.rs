//! Arbitrary bytes as choices: the first bytes decide first, and when they are used up every choice is the first one.

/// What is left of an input.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (used, rest) = self.0.split_at(N.min(self.0.len()));
        array[..used.len()].copy_from_slice(used);
        self.0 = rest;
        array
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.u16() as usize % bound.max(1)
    }

    /// One of a few.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.u8() as usize % all.len()]
    }

    /// True once in 16.
    pub(crate) fn seldom(&mut self) -> bool {
        self.u8() & 15 == 15
    }

    /// Up to `most` bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Mostly `usual`, sometimes one of the numbers where arithmetic breaks.
    pub(crate) fn number(&mut self, usual: impl FnOnce(&mut Self) -> u64) -> u64 {
        match self.u8() {
            0xF0..=0xF3 => 0,
            0xF4..=0xF7 => u64::MAX - u64::from(self.u8()),
            0xF8..=0xFA => i64::MAX as u64 - 1 + u64::from(self.u8() & 3),
            0xFB..=0xFC => 1 << (self.u8() & 63),
            0xFD..=0xFF => self.u64(),
            _ => usual(self),
        }
    }

    /// As [`Self::number`], beyond 64 bits.
    pub(crate) fn large(&mut self, usual: impl FnOnce(&mut Self) -> u64) -> u128 {
        match self.u8() {
            0xF8..=0xFB => u128::MAX - u128::from(self.u8()),
            0xFC..=0xFF => 1 << (self.u8() & 127),
            _ => self.number(usual).into(),
        }
    }
}
