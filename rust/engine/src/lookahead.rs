//! Looking ahead: memory is asked for what a command will need, some commands before its turn comes.
//!
//! With a million accounts hardly anything that a command touches is in a cache, and what it needs it finds out one thing
//! after the other. Who has a queue of commands can let them wait for memory together: see [`Engine::warm`].

use agio_book::prefetch;

use crate::commands::{Cancel, Command, Place};
use crate::engine::Engine;
use crate::market::Market;
use crate::open;
use crate::units::{AccountId, ClientId, MarketId};

/// From so many accounts on, looking ahead pays; all of a smaller exchange is in the caches.
const LARGE: usize = 100_000;
/// The looks at a queue, and how many commands ahead each is.
const LOOKS: [(usize, Look); 3] = [(12, Look::Far), (8, Look::Middle), (4, Look::Near)];

/// How far ahead a look is: each can only ask for what the one before it has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Some twelve commands ahead: the records of account and market.
    Far,
    /// Some eight: balances, lists, and where ids and prices are looked up.
    Middle,
    /// Some four: the order itself.
    Near,
}

impl Engine {
    /// The looks at a queue of commands that are worth their time, and how many commands ahead each is: on a small
    /// exchange none.
    pub fn looks(&self) -> &'static [(usize, Look)] {
        if self.accounts.len() < LARGE { &[] } else { &LOOKS }
    }

    /// Asks the processor for memory that a command will need. Changes nothing, and is never wrong, whatever comes in
    /// between. See [`Engine::looks`].
    ///
    /// ```
    /// use agio_engine::{Engine, Look, commands::{Command, Tick}};
    ///
    /// Engine::new().warm(&Command::Tick(Tick {}), Look::Far);
    /// ```
    #[inline]
    pub fn warm(&self, command: &Command, look: Look) {
        match command {
            Command::Place(place) => self.warm_place(place, look),
            Command::Cancel(cancel) => self.warm_cancel(cancel, look),
            _ => {}
        }
    }

    #[inline]
    fn warm_place(&self, place: &Place, look: Look) {
        let Place { account, market, client_id, .. } = place;
        match look {
            Look::Far => self.warm_records(*account, *market),
            Look::Middle => {
                self.warm_account(*account);
                self.warm_client_id(*account, *market, client_id);
                if let Some(Market { rules, book, .. }) = self.markets.get(market.0 as usize) {
                    book.warm(rules.counters.orders + 1); // some others may come first, of a thousand markets hardly any
                    book.warm_price(place.price.0);
                }
            }
            Look::Near => {}
        }
    }

    #[inline]
    fn warm_cancel(&self, cancel: &Cancel, look: Look) {
        let Some(Market { book, .. }) = self.markets.get(cancel.market.0 as usize) else { return };
        match (look, cancel.order) {
            (Look::Far, _) => self.warm_records(cancel.account, cancel.market),
            (Look::Middle, order) => {
                self.warm_account(cancel.account);
                match order {
                    Some(order) => book.warm(order.0),
                    None => self.warm_client_id(cancel.account, cancel.market, &cancel.client_id),
                }
            }
            (Look::Near, Some(order)) => book.warm_order(order.0),
            (Look::Near, None) => {}
        }
    }

    #[inline]
    fn warm_records(&self, account: AccountId, market: MarketId) {
        self.accounts.warm(account);
        if let Some(Market { rules, book, top }) = self.markets.get(market.0 as usize) {
            prefetch(book);
            prefetch(top);
            prefetch(&rules.id);
            prefetch(&rules.counters);
            prefetch(&rules.gauge);
            prefetch(&rules.filters);
            prefetch(&rules.averages);
        }
    }

    #[inline]
    fn warm_account(&self, account: AccountId) {
        if let Some(account) = self.accounts.get(account) {
            account.warm();
        }
    }

    #[inline]
    fn warm_client_id(&self, account: AccountId, market: MarketId, client_id: &ClientId) {
        if !client_id.is_empty() {
            self.open.warm(open::hash(account, market, client_id));
        }
    }
}
