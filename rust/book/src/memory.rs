//! How the parts of a book lie in memory: in chunks that never move, in whole cache lines, and asked for in advance.
//!
//! Here is the crate's only `unsafe` code: a hint to the processor, which changes no value.

/// Items to a chunk.
const CHUNK: usize = 1024;

/// A growing array that never moves its items, so that growing costs the same at any size.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Box<[T; CHUNK]>>,
}

impl<T> Chunks<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// How many items there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// Adds a chunk of items.
    #[cold]
    pub(crate) fn grow(&mut self, item: impl FnMut() -> T) {
        let chunk: Box<[T]> = std::iter::repeat_with(item).take(CHUNK).collect();
        self.chunks.push(chunk.try_into().unwrap_or_else(|_| unreachable!("it was made with that length")));
    }

    /// An item that may not exist.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK).map(|chunk| &chunk[index % CHUNK])
    }

    #[inline]
    pub(crate) fn at(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }

    /// Asks for the cache line of an item; one that does not exist asks for nothing.
    #[inline]
    pub(crate) fn warm(&self, index: usize) {
        if let Some(item) = self.get(index) {
            prefetch(item);
        }
    }
}

/// Eight 64-bit words: a cache line.
pub(crate) type Line = [u64; LINE];
const LINE: usize = 8;

const WHOLE: &str = "there is one line more than asked for";

/// An array of cache lines, all zero at first. The system provides the memory line by line as it is touched, so that
/// making a large one takes no time.
#[derive(Debug)]
pub(crate) struct Lines {
    words: Vec<u64>,
    /// Where the first whole cache line starts.
    first: usize,
    /// One less than the number of lines, which is a power of two.
    mask: usize,
}

impl Lines {
    /// So many lines, a power of two.
    pub(crate) fn new(lines: usize) -> Self {
        let words = vec![0u64; (lines + 1) * LINE];
        let first = words.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        Self { words, first, mask: lines - 1 }
    }

    pub(crate) fn len(&self) -> usize {
        self.mask + 1
    }

    #[inline]
    const fn start(&self, line: usize) -> usize {
        self.first.wrapping_add((line & self.mask).wrapping_mul(LINE))
    }

    /// A line by its number, modulo how many there are.
    #[inline]
    pub(crate) fn at(&self, line: usize) -> &Line {
        self.words[self.start(line)..].first_chunk().expect(WHOLE)
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, line: usize) -> &mut Line {
        let start = self.start(line);
        self.words[start..].first_chunk_mut().expect(WHOLE)
    }

    #[inline]
    pub(crate) fn warm(&self, line: usize) {
        prefetch(self.at(line));
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len());
        for line in 0..self.len() {
            *copy.at_mut(line) = *self.at(line);
        }
        copy
    }
}

/// Asks the processor for a cache line.
#[inline]
#[allow(unsafe_code)]
fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64. A prefetch changes nothing the program can see and cannot fault; the pointer
        // comes from a live reference all the same.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(item).cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}
