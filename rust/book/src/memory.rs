//! The crate's only `unsafe` code: hints to the processor, which change no value.

/// Asks for the cache line of `items[index]`; an index out of range asks for nothing.
#[inline(always)]
#[allow(unsafe_code, clippy::inline_always)]
pub(crate) fn prefetch<T>(items: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(item) = items.get(index) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64. A prefetch reads nothing the program can see and cannot fault; the pointer
        // comes from a live reference all the same.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(item).cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, index);
}
