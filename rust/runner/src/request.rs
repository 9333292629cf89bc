//! What comes into a shard and what leaves it.

use agio_engine::commands::Command;
use agio_engine::engine::Engine;
use agio_engine::units::Micros;

use crate::batch::Outcome;
use crate::recent::Recent;

/// What a reply may look at: the state right after its command, or at its turn for a query.
pub struct View<'a> {
    /// The exchange.
    pub engine: &'a Engine,
    /// Orders that have just finished.
    pub recent: &'a Recent,
    /// The log's time.
    pub now: Micros,
}

/// An answer, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's own mark.
    pub token: u64,
    /// HTTP status; 0 with an empty body: not known here.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The account's unfilled orders in ten seconds and in the day, when the request counts.
    pub orders: Option<(u32, u32)>,
}

/// Makes the answer, from what the command has caused (nothing, for a query); `None` if nobody waits for one.
pub type Reply = Box<dyn FnOnce(&View<'_>, &Outcome<'_>) -> Option<Answer> + Send>;

/// A command or, without one, a query.
pub struct Request {
    /// The asker's mark, echoed by the answer.
    pub token: u64,
    /// What to do; `None` only asks.
    pub command: Option<Command>,
    /// The command has no effect after this time.
    pub deadline: Micros,
    /// Makes the answer.
    pub reply: Reply,
}

impl Request {
    /// The reply, once.
    pub(crate) fn take_reply(&mut self) -> Reply {
        // A box of nothing takes no memory.
        std::mem::replace(&mut self.reply, Box::new(|_, _| unreachable!("a request is answered once")))
    }
}
