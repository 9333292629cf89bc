//! Where a command's events go: into a list of structs, or encoded at once.

use crate::events::Event;
use crate::layout::Kind;

/// One kind of event.
pub trait Fact: Kind + Into<Event> {}

impl<K: Kind + Into<Event>> Fact for K {}

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

/// More room than the largest event with a bound needs.
const SPACIOUS: usize = 1_024;

/// Events one after the other as [`Event::encode`] writes them: a fifth of what they take as structs, and nothing has to
/// be encoded later.
///
/// ```
/// use agio_engine::{commands::{Command, Envelope, ListAsset}, engine::Engine, sink::Tape};
/// use agio_engine::units::{Lane, Micros, Sequence};
///
/// let (mut engine, mut tape) = (Engine::new(), Tape::default());
/// let envelope = Envelope { sequence: Sequence(1), time: Micros(1), lane: Lane(0), number: 0, deadline: Micros(0) };
/// engine.apply(&envelope, &Command::ListAsset(ListAsset { name: "BTC".into(), precision: 8 }), &mut tape);
/// assert_eq!(tape.events().count(), tape.len());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// Room for events; the first `used` bytes hold some.
    room: Vec<u8>,
    used: usize,
    events: usize,
}

impl Tape {
    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.events
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// The bytes of all events.
    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.used]
    }

    /// Forgets all events and keeps the memory.
    pub fn clear(&mut self) {
        (self.used, self.events) = (0, 0);
    }

    /// Reads the events back.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        let mut bytes = self.bytes();
        (0..self.events).map(move |_| Event::take(&mut bytes).expect("what was encoded here can be read"))
    }

    /// Makes room for one more event, and writes it.
    #[cold]
    #[inline(never)]
    fn write_grown<F: Fact>(&mut self, fact: &F) -> Option<usize> {
        self.room.resize((self.used + SPACIOUS).next_power_of_two(), 0);
        fact.write_front(&mut self.room[self.used..])
    }

    /// Takes an event of a kind that has no largest.
    #[cold]
    #[inline(never)]
    fn put_large<F: Fact>(&mut self, fact: &F) {
        let mut bytes = Vec::new();
        fact.write(&mut bytes);
        let end = self.used + bytes.len();
        if self.room.len() < end {
            self.room.resize(end.next_power_of_two(), 0);
        }
        self.room[self.used..end].copy_from_slice(&bytes);
        self.used = end;
    }
}

impl Events for Tape {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F) {
        self.events = self.events.wrapping_add(1);
        if F::ROOM == 0 {
            return self.put_large(&fact());
        }
        let length = match self.room.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut::<SPACIOUS>) {
            Some(room) => fact().write_front(room),
            None => self.write_grown(&fact()),
        };
        self.used = self.used.wrapping_add(length.unwrap_or(0));
    }
}
