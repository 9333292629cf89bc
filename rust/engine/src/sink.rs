//! Where a command's events go: into a list, or wherever else they are wanted.

use crate::events::Event;

/// One kind of event.
pub trait Fact: Into<Event> {}

impl<K: Into<Event>> Fact for K {}

/// Takes the events of a command in their order.
pub trait Events {
    /// Takes the next one. It is made where it will stay, so that nothing is copied.
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F);
}

impl Events for Vec<Event> {
    /// A push would make it on the stack and then copy the bytes of the largest event there is, whatever its own size.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F) {
        self.extend(std::iter::once_with(|| fact().into()));
    }
}
