//! The clients: orders that meet each other, cancels, money in and out, an operator; and what no honest client sends.

use agio_engine::commands::{
    Activate, AddKey, Cancel, CancelAll, Command, Deposit, Epoch, ListAsset, ListMarket, OpenAccount, Place, Remark,
    RetireLane, RevokeKey, SetCommission, SetFilters, SetLimits, SetMarketStatus, SetRights, Signed, Tick, Withdraw,
};
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, FIRST_CUSTOMER, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity, Rate,
};
use agio_engine::vocabulary::{
    Filters, LotFilter, MarketStatus, NotionalFilter, NotionalForm, OrderKind, OrderLimits, Permissions, Prevention,
    PriceFilter, Restriction, Rights, Side, TimeInForce,
};

use crate::audit::Ledger;
use crate::dice::Dice;
use crate::plan::Plan;
use crate::process::POISON;

const ASSETS: [(&str, u8); 3] = [("BTC", 8), ("ETH", 6), ("USDT", 8)];
/// Symbol, base, quote and a price around which people trade; products are finer than 10^-8.
const MARKETS: [(&str, u32, u32, u64); 3] =
    [("BTCUSDT", 0, 2, 5_000_000), ("ETHUSDT", 1, 2, 3_333_333), ("ETHBTC", 1, 0, 70_000)];
const ALL_RIGHTS: Rights = Rights { trade: true, withdraw: true, deposit: true };
const NO_LIMITS: OrderLimits = OrderLimits { ten_seconds: u32::MAX, day: u32::MAX, open: 0 };
const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };
const FUNDS: u128 = 100_000_000_000;

/// What the clients ask.
pub(crate) struct Ask {
    /// None: what an account has.
    pub command: Option<Command>,
    pub deadline: u64,
}

/// All clients.
pub(crate) struct Clients {
    dice: Dice,
    accounts: u32,
    hostile: bool,
    poison: bool,
    /// Orders that clients were told of: account, market, number.
    known: Vec<(u32, u32, u64)>,
}

/// The next thing that the operator has to set up, as far as can be seen.
pub(crate) fn missing(ledger: &Ledger, plan: &Plan) -> Option<Command> {
    if let Some((name, precision)) = ASSETS.get(ledger.assets.len()) {
        return Some(ListAsset { name: (*name).to_owned(), precision: *precision }.into());
    }
    if let Some((symbol, base, quote, _)) = MARKETS.get(ledger.markets.len()) {
        let (base, quote) = (AssetId(*base), AssetId(*quote));
        return Some(ListMarket { symbol: (*symbol).to_owned(), base, quote, filters: filters() }.into());
    }
    let customers = ledger.next_account() - FIRST_CUSTOMER.0;
    if customers < plan.accounts {
        let rate = Rate(customers * 20_000);
        return Some(OpenAccount { rights: ALL_RIGHTS, maker: rate, taker: rate, limits: NO_LIMITS }.into());
    }
    let account = AccountId(FIRST_CUSTOMER.0 + ledger.keys.len() as u32);
    if (ledger.keys.len() as u32) < plan.accounts {
        let permissions = Permissions { read: true, trade: ledger.keys.len() % 5 != 4, withdraw: false };
        return Some(AddKey { account, permissions }.into());
    }
    let all = (0..plan.accounts).flat_map(|account| (0..3).map(move |asset| (FIRST_CUSTOMER.0 + account, asset)));
    let poor = all.into_iter().find(|key| !ledger.money.contains_key(key))?;
    Some(Deposit { account: AccountId(poor.0), asset: AssetId(poor.1), amount: Amount(FUNDS) }.into())
}

fn filters() -> Filters {
    let lot = LotFilter { min: Quantity(0), max: Quantity(0), step: Quantity(0) };
    Filters {
        price: PriceFilter { min: Price(0), max: Price(0), tick: Price(0) },
        lot,
        market_lot: lot,
        notional: NotionalFilter {
            form: NotionalForm::Range,
            min: Amount(1_000),
            min_to_market: true,
            max: Amount(0),
            max_to_market: false,
            minutes: 5,
        },
        max_orders: 20,
        prevention: Prevention::None,
        preventions: 0b11_1110,
    }
}

impl Clients {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            dice: plan.dice("clients"),
            accounts: plan.accounts.max(1),
            hostile: plan.faults.has("hostile"),
            poison: plan.faults.has("poison"),
            known: Vec::new(),
        }
    }

    /// A client learns of its order.
    pub(crate) fn learn(&mut self, account: u32, market: u32, order: u64) {
        if self.known.len() < 256 {
            self.known.push((account, market, order));
        } else {
            let place = self.dice.below(256) as usize;
            self.known[place] = (account, market, order);
        }
    }

    /// The next request, as of `now`.
    pub(crate) fn ask(&mut self, ledger: &Ledger, now: u64) -> Ask {
        let hostile = self.hostile && self.dice.one_in(12);
        let command = match self.dice.below(1_000) {
            0..720 => Some(self.place(ledger, now, hostile).into()),
            720..840 => Some(self.cancel(now, hostile).into()),
            840..850 => Some(self.cancel_all(now).into()),
            850..900 => Some(self.money(hostile)),
            900..940 => Some(self.administration(hostile)),
            _ => None,
        };
        let deadline = match self.dice.below(60) {
            0 if self.hostile => now.saturating_sub(5),
            1..5 => now + 2_000,
            _ => 0,
        };
        Ask { command, deadline }
    }

    /// An order that breaks the engine.
    pub(crate) fn poison(&mut self, ledger: &Ledger, now: u64) -> Option<Ask> {
        let mut place = self.place(ledger, now, false);
        place.strategy_type = Some(POISON);
        self.poison.then(|| Ask { command: Some(place.into()), deadline: 0 })
    }

    fn account(&mut self, hostile: bool) -> AccountId {
        let stray = hostile && self.dice.one_in(4);
        AccountId(if stray { self.dice.below(2_000) as u32 } else { FIRST_CUSTOMER.0 + self.below(self.accounts) })
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.dice.below(bound.into()) as u32
    }

    fn market(&mut self, hostile: bool) -> MarketId {
        let stray = hostile && self.dice.one_in(8);
        MarketId(self.below(3 + u32::from(stray)))
    }

    fn signed(&mut self, account: AccountId, now: u64, hostile: bool) -> Signed {
        if !self.dice.one_in(6) {
            return OPERATOR;
        }
        let own = account.0.saturating_sub(FIRST_CUSTOMER.0) + 1;
        let key = KeyId(if hostile { self.below(self.accounts + 2) } else { own });
        let ahead = if hostile { self.dice.pick(&[0, 0, 999_999, 1_000_000, 1_500_000]) } else { 0 };
        let age = if hostile { self.dice.pick(&[0, 5_000_000, 5_000_001]) } else { self.dice.below(100_000) };
        Signed { key, sent: Micros(now + ahead - age), window: Micros(5_000_000) }
    }

    fn place(&mut self, ledger: &Ledger, now: u64, hostile: bool) -> Place {
        let (account, market) = (self.account(hostile), self.market(hostile));
        let base = MARKETS[market.0 as usize % 3].3;
        let side = self.dice.pick(Side::ALL);
        // Mostly apart, close enough to meet.
        let mut price = base + self.dice.below(base / 50);
        price -= if side == Side::Buy { base * 3 / 200 } else { base / 200 };
        let mut quantity = 1_000_000 + self.dice.below(300_000_000);
        if let Some(market) = ledger.market(market) {
            price -= price % market.filters.price.tick.0.max(1);
            quantity -= quantity % market.filters.lot.step.0.max(1);
        }
        let signed = self.signed(account, now, hostile);
        let life =
            self.dice.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]);
        let mode = self.dice.pick(Prevention::ALL);
        let prevention = self.dice.pick(&[None, None, Some(mode)]);
        let client_id = if self.dice.one_in(3) { self.client_id() } else { ClientId::NONE };
        let (strategy, strategy_type) = self.dice.pick(&[(None, None), (None, None), (Some(-7), Some(1_000_000))]);
        let mut place = Place {
            account,
            signed,
            market,
            side,
            kind: OrderKind::Limit,
            life,
            price: Price(price),
            quantity: Quantity(quantity),
            budget: Amount(0),
            client_id,
            prevention,
            strategy,
            strategy_type,
        };
        self.vary(&mut place);
        if hostile {
            self.spoil(&mut place);
        }
        place
    }

    /// Makes another type of it, sometimes.
    fn vary(&mut self, place: &mut Place) {
        match self.dice.below(20) {
            0..3 => (place.kind, place.life) = (OrderKind::LimitMaker, TimeInForce::Gtc),
            3..6 => (place.kind, place.life, place.price) = (OrderKind::Market, TimeInForce::Gtc, Price(0)),
            6..8 => {
                let budget = u128::from(place.quantity.0) * u128::from(place.price.0) / 100_000_000;
                (place.kind, place.life, place.price) = (OrderKind::Market, TimeInForce::Gtc, Price(0));
                (place.quantity, place.budget) = (Quantity(0), Amount(budget));
            }
            _ => {}
        }
    }

    fn spoil(&mut self, place: &mut Place) {
        match self.dice.below(8) {
            0 => place.quantity = Quantity(self.dice.next()),
            1 => place.price = Price(self.dice.next()),
            2 => place.quantity = Quantity(0),
            3 => place.budget = Amount(u128::MAX - u128::from(self.dice.below(3))),
            4 => (place.price, place.quantity) = (Price(u64::MAX), Quantity(u64::MAX)),
            5 => place.life = self.dice.pick(TimeInForce::ALL),
            _ => {}
        }
    }

    fn client_id(&mut self) -> ClientId {
        ClientId::new(format!("id-{}", self.dice.below(40)).as_bytes()).unwrap_or_default()
    }

    fn cancel(&mut self, now: u64, hostile: bool) -> Cancel {
        let known = (!self.known.is_empty()).then(|| self.dice.pick(&self.known));
        let (account, market, order) = match known {
            Some((account, market, order)) if !hostile => (AccountId(account), MarketId(market), OrderId(order)),
            _ => (self.account(hostile), self.market(hostile), OrderId(self.dice.below(2_000))),
        };
        let (order, client_id) = match self.dice.below(8) {
            0 => (None, self.client_id()),
            1 if hostile => (None, ClientId::NONE),
            2 if hostile => (Some(order), self.client_id()),
            _ => (Some(order), ClientId::NONE),
        };
        let restriction = if self.dice.one_in(5) { self.dice.pick(Restriction::ALL) } else { Restriction::None };
        let cancel_id = if self.dice.one_in(2) { ClientId::NONE } else { self.client_id() };
        let signed = self.signed(account, now, hostile);
        Cancel { account, signed, market, order, client_id, cancel_id, restriction }
    }

    fn cancel_all(&mut self, now: u64) -> CancelAll {
        let (account, market) = (self.account(false), self.market(false));
        CancelAll { account, signed: self.signed(account, now, false), market }
    }

    fn money(&mut self, hostile: bool) -> Command {
        let (account, asset) = (self.account(hostile), AssetId(self.below(3 + u32::from(hostile))));
        let amount = match self.dice.below(3) {
            0 if hostile => Amount(0),
            1 if hostile => Amount(u128::MAX),
            _ => Amount(u128::from(self.dice.below(3_000_000_000))),
        };
        if self.dice.one_in(2) {
            Deposit { account, asset, amount }.into()
        } else {
            Withdraw { account, asset, amount }.into()
        }
    }

    fn administration(&mut self, hostile: bool) -> Command {
        let (account, market) = (self.account(hostile), self.market(hostile));
        match self.dice.below(18) {
            0 => {
                let trade = !self.dice.one_in(2);
                let rights = Rights { trade, withdraw: !self.dice.one_in(4), deposit: !self.dice.one_in(4) };
                SetRights { account, rights }.into()
            }
            1 => SetCommission { account, maker: self.rate(), taker: self.rate() }.into(),
            2 => {
                let limits = OrderLimits { ten_seconds: 2, day: 0, open: self.below(30) };
                SetLimits { account, limits }.into()
            }
            3 | 4 => SetLimits { account, limits: NO_LIMITS }.into(),
            5 if hostile => RevokeKey { key: KeyId(self.below(14)) }.into(),
            6 if hostile => {
                AddKey { account, permissions: Permissions { read: true, trade: true, withdraw: true } }.into()
            }
            7 => self.filters(market).into(),
            8 if self.dice.one_in(4) => SetMarketStatus { market, status: self.dice.pick(MarketStatus::ALL) }.into(),
            8..13 => SetMarketStatus { market, status: MarketStatus::Trading }.into(),
            13 if hostile => self.strange(),
            14 => Remark { actor: "operator".into(), reason: "a look".into(), operation: "admin.look".into() }.into(),
            15 => Tick {}.into(),
            _ => SetRights { account, rights: ALL_RIGHTS }.into(),
        }
    }

    /// What an operator would not do.
    fn strange(&mut self) -> Command {
        match self.dice.below(5) {
            0 => Epoch { previous: [self.dice.next() as u8; 32] }.into(),
            1 => Activate { behaviour: self.below(9) }.into(),
            2 => RetireLane { retired: Lane(77) }.into(),
            3 => ListAsset { name: "BTC".into(), precision: 8 }.into(),
            _ => OpenAccount { rights: ALL_RIGHTS, maker: Rate(200_000_000), taker: Rate(0), limits: NO_LIMITS }.into(),
        }
    }

    fn rate(&mut self) -> Rate {
        Rate(self.below(300_000))
    }

    fn filters(&mut self, market: MarketId) -> SetFilters {
        let mut filters = filters();
        filters.price.tick = Price(self.dice.pick(&[0, 1, 10, 100]));
        filters.lot.step = Quantity(self.dice.pick(&[0, 1, 1_000, 100_000]));
        filters.market_lot.step = Quantity(self.dice.pick(&[0, 0, 10_000]));
        filters.lot.min = Quantity(self.dice.pick(&[0, 0, 2_000_000]));
        filters.notional.minutes = self.dice.pick(&[0, 1, 5]);
        filters.notional.max = Amount(self.dice.pick(&[0, 0, 1_000_000_000]));
        filters.notional.max_to_market = self.dice.one_in(2);
        filters.max_orders = self.dice.pick(&[5, 20, 40]);
        filters.prevention = self.dice.pick(Prevention::ALL);
        SetFilters { market, filters }
    }
}

/// What must work once the faults are over: two customers trade. Only the orders must be accepted.
pub(crate) fn proof_of_life(accounts: u32) -> Vec<Command> {
    let market = MarketId(0);
    let seller = FIRST_CUSTOMER;
    let buyer = AccountId(FIRST_CUSTOMER.0 + 1.min(accounts.max(1) - 1));
    let mut commands: Vec<Command> = vec![
        SetMarketStatus { market, status: MarketStatus::Trading }.into(),
        SetFilters { market, filters: filters() }.into(),
    ];
    for account in [seller, buyer] {
        commands.push(SetRights { account, rights: ALL_RIGHTS }.into());
        commands.push(SetLimits { account, limits: NO_LIMITS }.into());
        commands.push(CancelAll { account, signed: OPERATOR, market }.into());
        for asset in [AssetId(0), AssetId(2)] {
            commands.push(Deposit { account, asset, amount: Amount(FUNDS) }.into());
        }
    }
    let order = |account, side, life| Place {
        account,
        signed: OPERATOR,
        market,
        side,
        kind: OrderKind::Limit,
        life,
        price: Price(MARKETS[0].3),
        quantity: Quantity(2_000_000),
        budget: Amount(0),
        client_id: ClientId::NONE,
        prevention: Some(Prevention::None),
        strategy: None,
        strategy_type: None,
    };
    commands.push(order(seller, Side::Sell, TimeInForce::Gtc).into());
    commands.push(order(buyer, Side::Buy, TimeInForce::Gtc).into());
    commands
}
