//! Executions as they wait for their readers: a third of their size, without what can be told from the rest and without
//! what hardly any order has. Writing them is what a log costs the engine most: memory that is in no near cache.
//!
//! Nothing is lost: what does not fit, such as an order with a budget or a strategy, is kept whole.

use agio_engine::sink::Told;
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, ExecutionId, MarketId, Micros, OrderId, Price, Quantity, TradeId,
};
use agio_engine::vocabulary::{
    Execution, ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, Prevention, Side, TimeInForce,
};

/// An order without budget, strategy and prevented matches, of a notional below 2^64: nearly every one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BriefOrder {
    pub order: OrderId,
    price: Price,
    quantity: Quantity,
    executed: Quantity,
    notional: u64,
    opened: Micros,
    updated: Micros,
    pub market: MarketId,
    pub account: AccountId,
    pub client_id: ClientId,
    side: Side,
    kind: OrderKind,
    life: TimeInForce,
    pub status: OrderStatus,
    expiry: Expiry,
    prevention: Prevention,
    on_book: bool,
}

const _: () = assert!(size_of::<BriefOrder>() <= 112 && size_of::<Brief>() <= 128 && size_of::<BriefFill>() <= 48);

impl BriefOrder {
    /// `None` if something would be lost.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(crate) fn of(view: &OrderView) -> Option<Self> {
        let notional = u64::try_from(view.notional.0).ok()?;
        let usual = view.budget.0 == 0
            && view.prevented.0 == 0
            && view.prevented_match.is_none()
            && view.strategy.is_none()
            && view.strategy_type.is_none();
        usual.then_some(Self {
            order: view.order,
            price: view.price,
            quantity: view.quantity,
            executed: view.executed,
            notional,
            opened: view.opened,
            updated: view.updated,
            market: view.market,
            account: view.account,
            client_id: view.client_id,
            side: view.side,
            kind: view.kind,
            life: view.life,
            status: view.status,
            expiry: view.expiry,
            prevention: view.prevention,
            on_book: view.on_book,
        })
    }

    /// The order.
    pub(crate) fn whole(&self) -> OrderView {
        OrderView {
            market: self.market,
            account: self.account,
            order: self.order,
            client_id: self.client_id,
            side: self.side,
            kind: self.kind,
            life: self.life,
            price: self.price,
            quantity: self.quantity,
            budget: Amount(0),
            executed: self.executed,
            notional: Amount(self.notional.into()),
            prevented: Quantity(0),
            status: self.status,
            expiry: self.expiry,
            prevention: self.prevention,
            prevented_match: None,
            strategy: None,
            strategy_type: None,
            on_book: self.on_book,
            opened: self.opened,
            updated: self.updated,
        }
    }
}

/// A fill of amounts below 2^64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BriefFill {
    trade: TradeId,
    price: Price,
    quantity: Quantity,
    notional: u64,
    commission: u64,
    commission_asset: AssetId,
    maker: bool,
}

impl BriefFill {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn of(fill: &Fill) -> Option<Self> {
        let &Fill { trade, price, quantity, notional, commission, commission_asset, maker } = fill;
        let (notional, commission) = (u64::try_from(notional.0).ok()?, u64::try_from(commission.0).ok()?);
        Some(Self { trade, price, quantity, notional, commission, commission_asset, maker })
    }

    fn whole(&self) -> Fill {
        let &Self { trade, price, quantity, notional, commission, commission_asset, maker } = self;
        let (notional, commission) = (Amount(notional.into()), Amount(commission.into()));
        Fill { trade, price, quantity, notional, commission, commission_asset, maker }
    }
}

/// An execution of such an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    pub order: BriefOrder,
    execution: ExecutionId,
    /// Where its fill or its cancel's own id stands, if its kind has one.
    detail: u32,
    kind: ExecutionKind,
}

/// Executions and what some of them have besides.
#[derive(Debug, Default)]
pub(crate) struct Briefs {
    list: Vec<Brief>,
    fills: Vec<BriefFill>,
    cancels: Vec<ClientId>,
}

impl Briefs {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// From this one on.
    pub(crate) fn since(&self, at: usize) -> &[Brief] {
        &self.list[at..]
    }

    /// The order of the execution at a place.
    pub(crate) fn order(&self, at: usize) -> &BriefOrder {
        &self.list[at].order
    }

    /// Adds one; `false` if something would be lost, and then nothing is added.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(crate) fn push(&mut self, told: &Told<'_>) -> bool {
        let usual = told.time == told.order.updated && told.prevention.is_none();
        let Some(order) = BriefOrder::of(told.order).filter(|_| usual) else { return false };
        let detail = match (told.kind, &told.fill, told.cancel_id.is_empty()) {
            (ExecutionKind::Trade, Some(fill), true) => {
                let Some(fill) = BriefFill::of(fill) else { return false };
                self.fills.push(fill);
                self.fills.len()
            }
            (ExecutionKind::Canceled, None, false) => {
                self.cancels.push(told.cancel_id);
                self.cancels.len()
            }
            (ExecutionKind::New | ExecutionKind::Expired, None, true) => 0,
            _ => return false,
        };
        self.list.push(Brief { order, execution: told.execution, detail: detail as u32, kind: told.kind });
        true
    }

    /// The execution at a place.
    pub(crate) fn whole(&self, at: usize) -> Execution {
        let Brief { order, execution, detail, kind } = &self.list[at];
        let detail = (*detail as usize).wrapping_sub(1);
        let (fill, cancel) = match kind {
            ExecutionKind::Trade => (self.fills.get(detail), None),
            _ => (None, self.cancels.get(detail)),
        };
        Execution {
            kind: *kind,
            execution: *execution,
            time: order.updated,
            order: order.whole(),
            fill: fill.map(BriefFill::whole),
            prevention: None,
            cancel_id: cancel.copied().unwrap_or_default(),
        }
    }

    /// Forgets the last.
    pub(crate) fn pop(&mut self) {
        match self.list.pop() {
            Some(Brief { kind: ExecutionKind::Trade, .. }) => drop(self.fills.pop()),
            Some(Brief { kind: ExecutionKind::Canceled, .. }) => drop(self.cancels.pop()),
            _ => {}
        }
    }

    /// Forgets all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.fills.clear();
        self.cancels.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use agio_engine::units::PreventedId;
    use agio_engine::vocabulary::PreventedFill;

    /// An execution of an order that has just been placed.
    pub(crate) fn placed() -> Execution {
        let order = OrderView {
            market: MarketId(1),
            account: AccountId(1_000),
            order: OrderId(7),
            client_id: ClientId::new(b"an-id").unwrap(),
            side: Side::Sell,
            kind: OrderKind::LimitMaker,
            life: TimeInForce::Ioc,
            price: Price(11),
            quantity: Quantity(12),
            budget: Amount(0),
            executed: Quantity(3),
            notional: Amount(u64::MAX.into()),
            prevented: Quantity(0),
            status: OrderStatus::PartiallyFilled,
            expiry: Expiry::Liquidity,
            prevention: Prevention::Decrement,
            prevented_match: None,
            strategy: None,
            strategy_type: None,
            on_book: true,
            opened: Micros(13),
            updated: Micros(14),
        };
        let (kind, execution, cancel_id) = (ExecutionKind::New, ExecutionId(9), ClientId::NONE);
        Execution { kind, execution, time: Micros(14), order, fill: None, prevention: None, cancel_id }
    }

    /// As the engine tells it.
    pub(crate) fn told(of: &Execution) -> Told<'_> {
        let &Execution { kind, execution, time, ref order, fill, prevention, cancel_id } = of;
        Told { kind, execution, time, order, fill, prevention, cancel_id }
    }

    fn fill() -> Fill {
        let (notional, commission) = (Amount(u64::MAX.into()), Amount(5));
        let (trade, price, quantity, commission_asset) = (TradeId(1), Price(2), Quantity(3), AssetId(6));
        Fill { trade, price, quantity, notional, commission, commission_asset, maker: true }
    }

    fn executions() -> [Execution; 4] {
        let new = placed();
        [
            new,
            Execution { kind: ExecutionKind::Trade, fill: Some(fill()), ..new },
            Execution { kind: ExecutionKind::Canceled, cancel_id: ClientId::new(b"gone").unwrap(), ..new },
            Execution { kind: ExecutionKind::Expired, ..new },
        ]
    }

    #[test]
    fn what_fits_comes_back_as_it_was() {
        let mut briefs = Briefs::default();
        for execution in [executions(), executions(), executions()].as_flattened() {
            assert!(briefs.push(&told(execution)));
        }
        for at in 0..briefs.len() {
            assert_eq!(briefs.whole(at), executions()[at % 4], "at {at}");
        }
        for _ in 0..10 {
            briefs.pop();
        }
        assert!(briefs.push(&told(&executions()[2])) && briefs.push(&told(&executions()[1])));
        let left: Vec<_> = (0..briefs.len()).map(|at| briefs.whole(at)).collect();
        let [new, trade, cancel, _] = executions();
        assert_eq!(left, [new, trade, cancel, trade]);
    }

    #[test]
    fn what_would_lose_something_is_not_taken() {
        let met = PreventedFill {
            id: PreventedId(1),
            counter_order: OrderId(1),
            price: Price(1),
            quantity: Quantity(1),
            reduced: Quantity(1),
        };
        let big = Amount(1 << 64);
        let orders: [fn(&mut OrderView); 6] = [
            |order| order.budget = Amount(1),
            |order| order.notional = Amount(1 << 64),
            |order| order.prevented = Quantity(1),
            |order| order.prevented_match = Some(PreventedId(0)),
            |order| order.strategy = Some(0),
            |order| order.strategy_type = Some(0),
        ];
        let with = |change: fn(&mut OrderView)| {
            let mut told = placed();
            change(&mut told.order);
            told
        };
        let [new, trade, cancel, _] = executions();
        let others = [
            Execution { time: Micros(15), ..new },
            Execution { prevention: Some(met), ..new },
            Execution { fill: Some(fill()), ..new },
            Execution { cancel_id: ClientId::new(b"x").unwrap(), ..new },
            Execution { kind: ExecutionKind::TradePrevention, ..new },
            Execution { fill: None, ..trade },
            Execution { fill: Some(Fill { notional: big, ..fill() }), ..trade },
            Execution { fill: Some(Fill { commission: big, ..fill() }), ..trade },
            Execution { cancel_id: ClientId::new(b"x").unwrap(), ..trade },
            Execution { cancel_id: ClientId::NONE, ..cancel },
            Execution { fill: Some(fill()), ..cancel },
        ];
        let mut briefs = Briefs::default();
        for execution in orders.map(with).iter().chain(&others) {
            assert!(!briefs.push(&told(execution)), "{execution:?}");
        }
        assert_eq!((briefs.len(), briefs.fills.len(), briefs.cancels.len()), (0, 0, 0));
    }
}
