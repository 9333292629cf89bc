//! How the parts of a book lie in memory: side by side in rows that grow without being copied, in whole cache lines,
//! in huge pages where the system has them, and asked for in advance.
//!
//! Here is all of the crate's `unsafe` code: memory of its own, access without a second bounds check, and a hint to the
//! processor.
//!
//! # Why the access is sound
//! The crate keeps three kinds of numbers: slots, pages and lines. Each is below [`Row::made`] of the row that it
//! belongs to when it is made, rows never get shorter, and no number leaves the crate or comes from outside of it.
//! - A slot comes from `Slab::grow`, which makes its item first; slot 0, nobody, is made as soon as there is any
//!   order. Links, levels and the index repeat slots, and a new one of these says 0.
//! - A page comes from `Window::new_page`, which makes its levels first; page 0, which stays empty, is made with the
//!   window. A place in the directory is a page's number masked by the directory's size. A window that replaces another
//!   begins with few pages: a place that was found in a window before is asked of `Window::tail` only, which checks it.
//! - A line is the top bits of a hash. Lines that are not made yet, or are freed, belong to the half of a growing
//!   table that the index does not ask: see `Index::table`.
//!
//! All of it holds after a panic, too, wherever the caller's code panics: items are made before they are counted, and
//! what a damaged book confuses are numbers that each row has.
//!
//! Builds with debug assertions, so all tests but the release run of the twin, check every access.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// A growing array. From [`MAPPED`] bytes on it is a mapping of the system's: then growing moves entries of the page
/// table, if anything, and copies no items, so that it costs the same at any size.
#[derive(Debug)]
pub(crate) struct Row<T> {
    start: NonNull<T>,
    made: usize,
    /// How much memory it has.
    bytes: usize,
    /// How many bytes of it the system has found already.
    found: usize,
}

// SAFETY: a row owns its items, as a vector does.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Row<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Sync> Sync for Row<T> {}

impl<T> Row<T> {
    pub(crate) const fn new() -> Self {
        const { assert!(size_of::<T>() > 0 && align_of::<T>() <= ALIGN, "rows are aligned to 64 bytes") };
        Self { start: NonNull::dangling(), made: 0, bytes: 0, found: 0 }
    }

    /// A row with memory for so many items; it has none yet.
    pub(crate) fn with_room(items: usize) -> Self {
        let mut row = Self::new();
        row.enlarge(items);
        row
    }

    /// How many items there are.
    pub(crate) const fn made(&self) -> usize {
        self.made
    }

    /// How many bytes its items take.
    pub(crate) const fn bytes(&self) -> usize {
        self.made * size_of::<T>()
    }

    /// Makes so many more items.
    #[cold]
    #[inline(never)]
    #[allow(unsafe_code)]
    pub(crate) fn make(&mut self, items: usize, mut item: impl FnMut() -> T) {
        let made = self.made + items;
        if made > self.bytes / size_of::<T>() {
            self.enlarge(made);
        }
        if made * size_of::<T>() > self.found {
            self.find(made);
        }
        for index in self.made..made {
            // SAFETY: there is memory for this item, and no other stands there.
            unsafe { self.start.add(index).write(item()) };
        }
        self.made = made;
    }

    /// Sees to memory for so many items.
    #[allow(unsafe_code)]
    fn enlarge(&mut self, items: usize) {
        let bytes = enough(Layout::array::<T>(items).expect(TOO_MUCH).size());
        // SAFETY: `bytes` is what the last call, if any, has asked for, and `start` what it was given.
        self.start = unsafe { obtain(self.start.cast(), self.bytes, bytes) }.cast();
        self.bytes = bytes;
    }

    /// Has the system find the memory of so many items, and of some more, at once: a page fault for each page costs half
    /// as much again, and is what the slowest of a thousand operations waits for.
    #[allow(unsafe_code)]
    fn find(&mut self, items: usize) {
        let before = std::mem::replace(&mut self.found, self.bytes);
        if self.bytes >= MAPPED {
            let needed = items * size_of::<T>();
            // Parts of a power of two: no part reaches into the next huge page.
            let part = (needed / 8).next_power_of_two().clamp(PAGE, AHEAD);
            self.found = needed.next_multiple_of(part);
            // SAFETY: so many bytes are mapped, and both numbers are multiples of a page.
            unsafe { pages::find(self.start.cast(), before / PAGE * PAGE, self.found) };
        }
    }

    /// Puts all of it into huge pages, if it is mapped: for a row that grows fast, because memory is found sooner that way.
    #[cold]
    #[allow(unsafe_code)]
    pub(crate) fn use_huge_pages(&mut self) {
        if self.bytes >= MAPPED {
            // SAFETY: so many bytes are mapped.
            unsafe { pages::make_huge(self.start.cast(), self.found, self.bytes) };
        }
    }

    /// An item that exists: the caller knows that `index` is below [`Row::made`].
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at(&self, index: usize) -> &T {
        debug_assert!(index < self.made, "item {index} of {}", self.made);
        // SAFETY: the index is below `made`. See the module's text on who sees to that.
        unsafe { self.start.add(index).as_ref() }
    }

    /// As [`Row::at`], to change it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn at_mut(&mut self, index: usize) -> &mut T {
        debug_assert!(index < self.made, "item {index} of {}", self.made);
        // SAFETY: as for `Row::at`.
        unsafe { self.start.add(index).as_mut() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.made).map(|index| self.at(index))
    }

    /// Asks for the cache line of an item.
    #[inline(always)]
    pub(crate) fn warm(&self, index: usize) {
        prefetch(self.at(index));
    }
}

impl<T: Copy> Row<T> {
    /// So many items.
    pub(crate) fn of(items: usize, item: T) -> Self {
        let mut row = Self::new();
        row.make(items, || item);
        row
    }
}

impl<T: Clone> Clone for Row<T> {
    fn clone(&self) -> Self {
        let mut row = Self::with_room(self.made);
        let mut items = self.iter();
        row.make(self.made, || items.next().expect("as many as were made").clone());
        row
    }
}

impl<T> Drop for Row<T> {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        for index in 0..if std::mem::needs_drop::<T>() { self.made } else { 0 } {
            // SAFETY: each item is dropped once, and the row is not used any more.
            unsafe { self.start.add(index).drop_in_place() };
        }
        // SAFETY: as in `Row::enlarge`.
        unsafe { release(self.start.cast(), self.bytes) };
    }
}

/// Eight 64-bit words: a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u64; 8]);

impl Line {
    pub(crate) const EMPTY: Self = Self([0; 8]);
}

/// Lines that are made at once.
const LINES: usize = 64;

/// A table of cache lines, a power of two of them, which comes and goes a little at a time: neither making nor dropping
/// a large one takes time at once.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    row: Row<Line>,
    lines: usize,
}

impl Lines {
    /// A table that will have so many lines, a power of two; it has none yet.
    pub(crate) fn new(lines: usize) -> Self {
        debug_assert!(lines.is_power_of_two(), "a power of two");
        Self { row: Row::with_room(lines), lines }
    }

    /// How many lines it will have.
    pub(crate) fn len(&self) -> usize {
        self.lines
    }

    /// How many lines it has.
    pub(crate) fn ready(&self) -> usize {
        self.row.made
    }

    /// How many bytes its lines take when those before this one are freed.
    pub(crate) const fn bytes(&self, line: usize) -> usize {
        self.row.bytes() - line * size_of::<Line>() / self.part() * self.part()
    }

    /// How many bytes are given back at once: a huge page, or some small ones where there are no huge ones.
    const fn part(&self) -> usize {
        if self.row.bytes > HUGE { HUGE } else { MAPPED }
    }

    /// Adds empty lines: some of a large table, or all of a small one.
    pub(crate) fn grow(&mut self) {
        self.row.make(self.lines.min(LINES), || Line::EMPTY);
    }

    /// Gives the memory before this line back, if it amounts to something. These lines must not be asked for any more.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn free_before(&mut self, line: usize) {
        let bytes = line * size_of::<Line>();
        if bytes.is_multiple_of(self.part()) && (1..=self.row.made).contains(&line) {
            // SAFETY: memory of so many bytes is mapped, not the allocator's, and zeros are a line.
            unsafe { pages::give_back(self.row.start.cast(), bytes, self.part()) };
        }
    }

    #[inline(always)]
    pub(crate) fn at(&self, line: usize) -> &[u64; 8] {
        &self.row.at(line).0
    }

    #[inline(always)]
    pub(crate) fn at_mut(&mut self, line: usize) -> &mut [u64; 8] {
        &mut self.row.at_mut(line).0
    }

    #[inline(always)]
    pub(crate) fn warm(&self, line: usize) {
        self.row.warm(line);
    }
}

/// Asks the processor for the cache line where an item begins. For engines that look ahead in memory of their own.
#[inline(always)]
pub fn prefetch<T>(item: &T) {
    prefetch_at(std::ptr::from_ref(item).cast());
}

/// [`prefetch`] for an item of several cache lines, all of them.
#[inline(always)]
pub fn prefetch_whole<T>(item: &T) {
    let (start, bytes) = (std::ptr::from_ref(item).cast::<u8>(), size_of::<T>());
    for at in (0..bytes).step_by(64) {
        prefetch_at(start.wrapping_add(at));
    }
    if bytes > 0 {
        prefetch_at(start.wrapping_add(bytes - 1));
    }
}

#[inline(always)]
#[allow(unsafe_code)]
fn prefetch_at(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64. A prefetch reads nothing that the program can see, and cannot fault anywhere.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// What all memory of rows is aligned to: a cache line.
const ALIGN: usize = 64;
/// A huge page.
const HUGE: usize = 2 << 20;
/// From so many bytes on, memory comes from the system, not from the allocator.
const MAPPED: usize = if pages::THERE { 64 << 10 } else { usize::MAX };

/// A small page.
const PAGE: usize = 4096;
/// The system finds an eighth of a row at once, and not more than this.
const AHEAD: usize = 64 << 10;

/// How many bytes to ask for when at least so many are needed. What is mapped takes memory only where it is written to.
fn enough(bytes: usize) -> usize {
    if bytes <= MAPPED / 2 { bytes.next_power_of_two() } else { (bytes + bytes / 4).next_multiple_of(HUGE) }
}

const TOO_MUCH: &str = "more than there are addresses";

const fn layout(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("{}", TOO_MUCH),
    }
}

/// Gives `bytes` bytes, more than `held`, that begin with what the `held` ones at `start` were, which are no more.
///
/// # Safety
/// `start` and `held` are what this function gave and was asked for, and were not released; or `held` is 0.
#[allow(unsafe_code)]
unsafe fn obtain(start: NonNull<u8>, held: usize, bytes: usize) -> NonNull<u8> {
    // SAFETY: both layouts have a size; what is copied lies in both; what was held is released once. Mappings are whole
    // huge pages, as `pages` wants them.
    unsafe {
        if held >= MAPPED {
            return pages::enlarge(start, held, bytes).unwrap_or_else(|| handle_alloc_error(layout(bytes)));
        }
        let place = if bytes >= MAPPED { pages::map(bytes) } else { NonNull::new(alloc(layout(bytes))) };
        let place = place.unwrap_or_else(|| handle_alloc_error(layout(bytes)));
        place.copy_from_nonoverlapping(start, held);
        release(start, held);
        place
    }
}

/// Frees what [`obtain`] gave.
///
/// # Safety
/// As for [`obtain`].
#[allow(unsafe_code)]
unsafe fn release(start: NonNull<u8>, held: usize) {
    // SAFETY: the caller's.
    unsafe {
        if held >= MAPPED {
            pages::unmap(start, held);
        } else if held > 0 {
            dealloc(start.as_ptr(), layout(held));
        }
    }
}

/// Memory straight from the system. Sizes and addresses are multiples of [`HUGE`].
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
#[allow(unsafe_code)]
mod pages {
    use super::HUGE;
    use libc::{
        MADV_COLLAPSE, MADV_DONTNEED, MADV_HUGEPAGE, MADV_POPULATE_WRITE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE,
    };
    use libc::{MREMAP_FIXED, MREMAP_MAYMOVE, PROT_READ, PROT_WRITE, c_void, madvise, mmap, mremap, munmap};
    use std::ptr::{self, NonNull};

    pub(super) const THERE: bool = true;

    /// New memory, on a boundary of huge pages; those are asked for when it is more than one.
    pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
        let all = bytes + HUGE;
        // SAFETY: a new mapping, of which nobody knows yet; what is unmapped again lies in it.
        unsafe {
            let (access, kind) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
            let start = mmap(ptr::null_mut(), all, access, kind, -1, 0);
            if start == MAP_FAILED {
                return None;
            }
            let start = start.cast::<u8>();
            let before = start.addr().wrapping_neg() % HUGE;
            let place = start.add(before);
            unmap(NonNull::new(start)?, before);
            unmap(NonNull::new(place.add(bytes))?, HUGE - before);
            if bytes > HUGE {
                madvise(place.cast(), bytes, MADV_HUGEPAGE);
            }
            NonNull::new(place)
        }
    }

    /// What grows to no more than this stays in small pages: too much of a last huge page is unused.
    const SMALL: usize = 2 * HUGE;

    /// Makes a mapping longer, somewhere else: with its pages, which are not copied. Only [`SMALL`] ones are, once.
    ///
    /// # Safety
    /// It was mapped here, and is not used at its old place any more.
    pub(super) unsafe fn enlarge(start: NonNull<u8>, held: usize, bytes: usize) -> Option<NonNull<u8>> {
        let place = map(bytes)?;
        // SAFETY: the target is a mapping that nobody knows yet, and takes up what `start` was.
        unsafe {
            let flags = MREMAP_MAYMOVE | MREMAP_FIXED;
            let moved = mremap(start.as_ptr().cast(), held, bytes, flags, place.as_ptr().cast::<c_void>());
            if moved != place.as_ptr().cast() {
                return None;
            }
            // All of it or nothing: what is advised in part cannot be moved any more.
            if bytes > SMALL {
                make_huge(place, if held <= SMALL { held } else { 0 }, bytes);
            }
        }
        Some(place)
    }

    /// Moves the first `held` bytes into huge pages, and has the others found in such ones.
    ///
    /// # Safety
    /// It was mapped here, and is as long.
    pub(super) unsafe fn make_huge(start: NonNull<u8>, held: usize, bytes: usize) {
        // SAFETY: both parts lie in the mapping, of which nothing changes but where the system keeps it.
        unsafe {
            madvise(start.as_ptr().cast(), bytes, MADV_HUGEPAGE);
            madvise(start.as_ptr().cast(), held.next_multiple_of(HUGE), MADV_COLLAPSE);
        }
    }

    /// # Safety
    /// It was mapped here, and is not used any more.
    pub(super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
        if bytes > 0 {
            // SAFETY: the caller's.
            unsafe { munmap(start.as_ptr().cast(), bytes) };
        }
    }

    /// Finds memory for what lies between these numbers of bytes of a mapping, and keeps what is there. A system that
    /// cannot do so (before Linux 5.14, or with larger pages) finds each page when it is written to.
    ///
    /// # Safety
    /// It was mapped here, and is as long.
    pub(super) unsafe fn find(start: NonNull<u8>, from: usize, to: usize) {
        // SAFETY: the part lies in the mapping.
        unsafe { madvise(start.as_ptr().add(from).cast(), to - from, MADV_POPULATE_WRITE) };
    }

    /// Frees the last `part` of the first `bytes` bytes of a mapping: it reads as zeros then.
    ///
    /// # Safety
    /// It was mapped here; zeros are valid there.
    pub(super) unsafe fn give_back(start: NonNull<u8>, bytes: usize, part: usize) {
        // SAFETY: the part lies in the mapping.
        unsafe { madvise(start.as_ptr().add(bytes - part).cast(), part, MADV_DONTNEED) };
    }
}

/// Elsewhere all memory is the allocator's.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[allow(unsafe_code)]
mod pages {
    use std::ptr::NonNull;

    pub(super) const THERE: bool = false;

    pub(super) const fn map(_: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(super) const unsafe fn enlarge(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(super) const unsafe fn make_huge(_: NonNull<u8>, _: usize, _: usize) {}

    pub(super) const unsafe fn unmap(_: NonNull<u8>, _: usize) {}

    pub(super) const unsafe fn find(_: NonNull<u8>, _: usize, _: usize) {}

    pub(super) const unsafe fn give_back(_: NonNull<u8>, _: usize, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::{HUGE, Line, Lines, Row, pages};
    use std::rc::Rc;

    #[test]
    fn items_stay_as_they_are_while_a_row_grows_from_the_allocator_into_mappings() {
        let items = if cfg!(miri) { 600 } else { 5 * HUGE / 16 };
        let (mut row, mut made) = (Row::new(), 0u64);
        while row.made() < items {
            row.make(100, || (made += 1, made).1 as u128);
            *row.at_mut(row.made() - 1) += 1;
        }
        let copy = row.clone();
        for row in [row, copy] {
            let right = |(at, item): (usize, &u128)| *item == at as u128 + 1 + u128::from(at % 100 == 99);
            assert!(row.iter().enumerate().all(right));
            assert_eq!(row.at(1).to_le_bytes()[0], 2);
            assert_eq!(std::ptr::from_ref(row.at(0)).addr() % 64, 0, "at the beginning of a cache line");
        }
    }

    #[test]
    #[should_panic(expected = "more than there are addresses")]
    fn a_row_is_not_longer_than_its_memory() {
        // 2^65 bytes, which are none to who counts them in 64 bits.
        Row::<[u64; 1 << 50]>::with_room(1 << 12);
    }

    #[test]
    fn each_item_is_dropped_once() {
        let one = Rc::new(());
        let mut row = Row::with_room(3);
        for _ in 0..40 {
            row.make(7, || Some(Rc::clone(&one)));
        }
        assert_eq!(Rc::strong_count(&one), 281);
        *row.at_mut(279) = None;
        let copy = row.clone();
        drop(row);
        assert_eq!(Rc::strong_count(&one), 280);
        drop(copy);
        assert_eq!(Rc::strong_count(&one), 1);
    }

    #[test]
    fn a_table_of_lines_comes_and_goes_in_parts() {
        for lines in [1, 64, HUGE / 128, 4 * HUGE / 64] {
            if cfg!(miri) && lines > 64 {
                continue;
            }
            let mut table = Lines::new(lines);
            assert_eq!((table.len(), table.ready()), (lines, 0));
            for line in 0..lines {
                if line == table.ready() {
                    table.grow();
                }
                assert_eq!(*table.at(line), Line::EMPTY.0);
                table.at_mut(line)[7] = line as u64;
                table.free_before(line / 2);
            }
            assert_eq!(table.ready(), lines);
            assert!((lines / 2..lines).all(|line| table.at(line)[7] == line as u64));
            let freed = pages::THERE && lines > 64;
            assert_eq!(table.at(lines / 8)[7] == 0, freed || lines == 1, "its memory was given back");
        }
    }
}
