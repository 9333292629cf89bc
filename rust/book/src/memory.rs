//! How the parts of a book lie in memory: in chunks that never move, in whole cache lines, and asked for in advance.
//!
//! Here is all of the crate's `unsafe` code: a hint to the processor, and access without a second bounds check.
//!
//! # Why the access is sound
//! The crate keeps three kinds of numbers: slots, pages and lines. Each is below the capacity of the array that it
//! belongs to when it is made, arrays of slots and pages never shrink, and no number leaves the crate or comes from
//! outside of it.
//! - A slot comes from `Slab::next_slot`, which makes room for it first; slot 0, nobody, has room as soon as there is
//!   any order. Links, levels and the index repeat slots, and a new one of these says 0. A slot that may not exist
//!   (a look ahead into an empty book) goes through `get`.
//! - A page comes from `Window::new_page`, which makes room first; page 0, which stays empty, is made with the window.
//! - A line is the top bits of a hash. Lines that are not made yet, or are freed, belong to the half of a growing
//!   table that the index does not ask: see `Index::home`.
//!
//! Builds with debug assertions, so all tests but the release run of the twin, check every access.

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

    /// An item that exists: the caller knows that `index` is below [`Chunks::capacity`].
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at(&self, index: usize) -> &T {
        debug_assert!(index < self.capacity(), "item {index} of {}", self.capacity());
        // SAFETY: the index is below the capacity. See the module's text on who sees to that.
        let chunk = unsafe { self.chunks.get_unchecked(index / CHUNK) };
        &chunk[index % CHUNK]
    }

    /// As [`Chunks::at`], to change it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at_mut(&mut self, index: usize) -> &mut T {
        debug_assert!(index < self.capacity(), "item {index} of {}", self.capacity());
        // SAFETY: as for `Chunks::at`.
        let chunk = unsafe { self.chunks.get_unchecked_mut(index / CHUNK) };
        &mut chunk[index % CHUNK]
    }

    /// Asks for the cache line of an item.
    #[inline(always)]
    pub(crate) fn warm(&self, index: usize) {
        prefetch(self.at(index));
    }
}

/// Eight 64-bit words: a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u64; 8]);

impl Line {
    pub(crate) const EMPTY: Self = Self([0; 8]);
}

/// Cache lines in a chunk of a table that has as many or more.
const LINES: usize = 1024;

/// A table of cache lines, a power of two of them, which comes and goes in chunks: neither making nor dropping a large
/// one takes time at once.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    chunks: Vec<Box<[Line]>>,
    lines: usize,
}

impl Lines {
    /// A table that will have so many lines, a power of two; it has none yet.
    pub(crate) fn new(lines: usize) -> Self {
        debug_assert!(lines.is_power_of_two(), "a power of two");
        Self { chunks: Vec::with_capacity(lines.div_ceil(LINES)), lines }
    }

    /// How many lines it will have.
    pub(crate) fn len(&self) -> usize {
        self.lines
    }

    /// How many lines it has.
    pub(crate) fn ready(&self) -> usize {
        (self.chunks.len() * LINES).min(self.lines)
    }

    /// Adds empty lines: a chunk of them, or all of a small table.
    #[cold]
    pub(crate) fn grow(&mut self) {
        self.chunks.push(vec![Line::EMPTY; self.lines.min(LINES)].into_boxed_slice());
    }

    /// Frees the chunk that ends before this line, if one does. Its lines must not be asked for any more.
    #[inline(always)]
    pub(crate) fn free_before(&mut self, line: usize) {
        if line % LINES == 0 {
            self.chunks[line / LINES - 1] = Box::default();
        }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at(&self, line: usize) -> &[u64; 8] {
        debug_assert!(line < self.ready() && line % LINES < self.chunks[line / LINES].len(), "line {line} is there");
        // SAFETY: as for `Chunks::at`; the index asks for the home of a hash, which is below `ready`, and frees only
        // what lies before the lines that it still asks for. Every chunk has `lines.min(LINES)` lines.
        unsafe { &self.chunks.get_unchecked(line / LINES).get_unchecked(line % LINES).0 }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at_mut(&mut self, line: usize) -> &mut [u64; 8] {
        debug_assert!(line < self.ready() && line % LINES < self.chunks[line / LINES].len(), "line {line} is there");
        // SAFETY: as for `Lines::at`.
        unsafe { &mut self.chunks.get_unchecked_mut(line / LINES).get_unchecked_mut(line % LINES).0 }
    }

    #[inline(always)]
    pub(crate) fn warm(&self, line: usize) {
        prefetch(self.at(line));
    }
}

/// Asks the processor for a cache line.
#[inline(always)]
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
