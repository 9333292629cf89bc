//! From words to commands.

use std::collections::BTreeMap;

use agio_engine::commands::*;
use agio_engine::events::Event;
use agio_engine::units::*;
use agio_engine::vocabulary::*;

use super::{Options, Story};
use crate::common::{ALL_RIGHTS, OPERATOR, limit, open_filters};

type Read<T> = Result<T, String>;

/// `1.5` at 10^-8.
pub(crate) fn number(text: &str) -> Read<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<8}");
    if part.len() > 8 {
        return Err(format!("{text} has more than 8 decimal places"));
    }
    digits.parse().map_err(|_| format!("{text} is not a number"))
}

fn small(text: &str) -> Read<u64> {
    u64::try_from(number(text)?).map_err(|_| format!("{text} is too large"))
}

fn count(text: &str) -> Read<u32> {
    text.parse().map_err(|_| format!("{text} is not a count"))
}

/// `+10s`, `5s`, `1ms`, `2us`, `1m`, `1d` in microseconds.
pub(crate) fn duration(text: &str) -> Read<u64> {
    let text = text.trim_start_matches('+');
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let digits: u64 = text[..text.len() - unit.len()].parse().map_err(|_| format!("{text} is not a duration"))?;
    let units = [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("d", 86_400_000_000)];
    let factor = units.iter().find(|(name, _)| *name == unit).ok_or_else(|| format!("{text} is not a duration"))?;
    Ok(digits * factor.1)
}

fn client_id(text: &str) -> Read<ClientId> {
    ClientId::new(text.as_bytes()).ok_or_else(|| format!("{text} is not a client id"))
}

/// Splits `a b=c d` into plain words and pairs.
fn split<'a>(words: &[&'a str]) -> (Vec<&'a str>, BTreeMap<&'a str, &'a str>) {
    let pairs = words.iter().filter_map(|word| word.split_once('=')).collect();
    (words.iter().copied().filter(|word| !word.contains('=')).collect(), pairs)
}

impl Story {
    pub(crate) fn command(&mut self, words: &[&str]) -> Read<Command> {
        let (plain, pairs) = split(words);
        self.options = self.read_options(&pairs)?;
        self.venue_command(&plain, &pairs).transpose().unwrap_or_else(|| self.client_command(&plain, &pairs))
    }

    fn read_options(&self, pairs: &BTreeMap<&str, &str>) -> Read<Options> {
        let now = self.world.time.0;
        let mut options = Options { lane: (Lane(0), 0), deadline: Micros(0), signed: OPERATOR };
        for (name, value) in pairs {
            match *name {
                "lane" => {
                    let (lane, number) = value.split_once('/').ok_or("lane=LANE/NUMBER")?;
                    options.lane = (Lane(count(lane)?), count(number)?.into());
                }
                "deadline" => options.deadline = Micros(moment(now, value)?),
                "key" => options.signed.key = KeyId(count(value)?),
                "sent" => options.signed.sent = Micros(moment(now, value)?),
                "window" => options.signed.window = Micros(duration(value)?),
                _ => {}
            }
        }
        Ok(options)
    }

    fn venue_command(&mut self, plain: &[&str], pairs: &BTreeMap<&str, &str>) -> Read<Option<Command>> {
        let command: Command = match plain {
            ["asset", name] => ListAsset { name: (*name).to_owned(), precision: 8 }.into(),
            ["asset", name, places] => ListAsset { name: (*name).to_owned(), precision: count(places)? as u8 }.into(),
            ["market", symbol, base, quote] => {
                let (base, quote) = (self.asset(base), self.asset(quote));
                ListMarket { symbol: (*symbol).to_owned(), base, quote, filters: filters(pairs)? }.into()
            }
            ["filters", symbol] => SetFilters { market: self.market(symbol), filters: filters(pairs)? }.into(),
            ["status", symbol, status] => {
                SetMarketStatus { market: self.market(symbol), status: word(MarketStatus::ALL, status)? }.into()
            }
            ["account", name] => {
                (*name).clone_into(&mut self.opening);
                let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
                OpenAccount { rights: ALL_RIGHTS, maker: rate(pairs, "maker")?, taker: rate(pairs, "taker")?, limits }
                    .into()
            }
            ["rights", name, rights @ ..] => {
                let has = |right: &str| rights.contains(&right);
                let rights = Rights { trade: has("trade"), withdraw: has("withdraw"), deposit: has("deposit") };
                SetRights { account: self.account(name)?, rights }.into()
            }
            ["commission", name] => {
                let (maker, taker) = (rate(pairs, "maker")?, rate(pairs, "taker")?);
                SetCommission { account: self.account(name)?, maker, taker }.into()
            }
            ["limits", name] => {
                let get = |name| pairs.get(name).map_or(Ok(0), |text| count(text));
                let limits = OrderLimits { ten_seconds: get("ten")?, day: get("day")?, open: get("open")? };
                SetLimits { account: self.account(name)?, limits }.into()
            }
            ["key", name, rights @ ..] => {
                let has = |right: &str| rights.contains(&right);
                let permissions = Permissions { read: true, trade: has("trade"), withdraw: has("withdraw") };
                AddKey { account: self.account(name)?, permissions }.into()
            }
            ["revoke", key] => RevokeKey { key: KeyId(count(key)?) }.into(),
            ["tick"] => Tick {}.into(),
            ["epoch"] => Epoch { previous: [7; 32] }.into(),
            ["activate", behaviour] => Activate { behaviour: count(behaviour)? }.into(),
            ["retire", lane] => RetireLane { retired: Lane(count(lane)?) }.into(),
            _ => return Ok(None),
        };
        Ok(Some(command))
    }

    fn client_command(&mut self, plain: &[&str], pairs: &BTreeMap<&str, &str>) -> Read<Command> {
        let signed = self.options.signed;
        match plain {
            [name, "deposit", amount, asset] => {
                let (account, asset) = (self.account(name)?, self.asset(asset));
                Ok(Deposit { account, asset, amount: Amount(number(amount)?) }.into())
            }
            [name, "withdraw", amount, asset] => {
                let (account, asset) = (self.account(name)?, self.asset(asset));
                Ok(Withdraw { account, asset, amount: Amount(number(amount)?) }.into())
            }
            [name, "cancel-all", symbol] => {
                Ok(CancelAll { account: self.account(name)?, signed, market: self.market(symbol) }.into())
            }
            [name, "cancel", rest @ .., symbol] => {
                let order = rest.iter().find_map(|word| word.strip_prefix('#'));
                let order = order.map(|text| count(text).map(|id| OrderId(id.into()))).transpose()?;
                let id = |name| pairs.get(name).map_or(Ok(ClientId::NONE), |text| client_id(text));
                let restriction = pairs
                    .get("only")
                    .map_or(Ok(Restriction::None), |text| word(Restriction::ALL, &format!("only-{text}")))?;
                let (account, market) = (self.account(name)?, self.market(symbol));
                let (client_id, cancel_id) = (id("id")?, id("as")?);
                Ok(Cancel { account, signed, market, order, client_id, cancel_id, restriction }.into())
            }
            [name, side, kind, rest @ ..] => {
                let mut place = limit(self.account(name)?, MarketId(0), word(Side::ALL, side)?, 0, 0);
                place.kind = match *kind {
                    "limit" => OrderKind::Limit,
                    "maker" => OrderKind::LimitMaker,
                    "market" => OrderKind::Market,
                    other => return Err(format!("{other} is not a type")),
                };
                place.signed = signed;
                self.read_order(&mut place, rest, pairs)?;
                Ok(place.into())
            }
            _ => Err(format!("cannot read {plain:?}")),
        }
    }

    fn read_order(&self, place: &mut Place, rest: &[&str], pairs: &BTreeMap<&str, &str>) -> Read<()> {
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match *word {
                "@" => place.price = Price(small(words.next().ok_or("a price after @")?)?),
                "for" => place.budget = Amount(number(words.next().ok_or("an amount after for")?)?),
                "ioc" => place.life = TimeInForce::Ioc,
                "fok" => place.life = TimeInForce::Fok,
                other if other.starts_with(|letter: char| letter.is_ascii_digit()) => {
                    place.quantity = Quantity(small(other)?);
                }
                symbol => place.market = self.market(symbol),
            }
        }
        if let Some(text) = pairs.get("id") {
            place.client_id = client_id(text)?;
        }
        if let Some(text) = pairs.get("stp") {
            place.prevention = Some(word(Prevention::ALL, text)?);
        }
        Ok(())
    }

    fn account(&self, name: &str) -> Read<AccountId> {
        let known = self.names.iter().find(|(_, known)| *known == name);
        match (known, name) {
            (Some((id, _)), _) => Ok(*id),
            (None, "nobody") => Ok(AccountId(4_000)),
            _ => Err(format!("no account {name}")),
        }
    }

    /// An asset's number; one that nobody has for an unknown name.
    fn asset(&self, name: &str) -> AssetId {
        let known = self.world.engine.assets().find(|asset| asset.name == name).map(|asset| asset.id);
        known.unwrap_or(AssetId(99))
    }

    pub(crate) fn market(&self, symbol: &str) -> MarketId {
        self.world.engine.market_by_symbol(symbol).unwrap_or(MarketId(99))
    }

    pub(crate) fn named(&self, name: &str) -> Read<AccountId> {
        self.account(name)
    }

    /// A new account is known by the name in the line that opened it.
    pub(crate) fn learn_name(&mut self, command: &Command, events: &[Event]) {
        if let (Command::OpenAccount(_), [Event::AccountChanged(changed)]) = (command, events) {
            self.names.insert(changed.account, self.opening.clone());
        }
    }
}

/// A moment relative to now: `-6s`, `+2s`, `now`.
fn moment(now: u64, text: &str) -> Read<u64> {
    match text.strip_prefix('-') {
        Some(before) => Ok(now - duration(before)?),
        None if text == "now" => Ok(now),
        None => Ok(now + duration(text)?),
    }
}

fn rate(pairs: &BTreeMap<&str, &str>, name: &str) -> Read<Rate> {
    pairs.get(name).map_or(Ok(Rate(0)), |text| Ok(Rate(number(text)? as u32)))
}

/// A value of a small enumeration by its name in lower case, with hyphens.
fn word<T: Copy + std::fmt::Debug>(all: &[T], text: &str) -> Read<T> {
    let same = |value: &T| super::write::words(value) == text;
    all.iter().copied().find(same).ok_or_else(|| format!("{text} is not one of {all:?}"))
}

/// `tick=0.01 price=MIN..MAX lot=MIN..MAX/STEP market-lot=… notional=MIN..MAX min-notional=MIN to-market=min,max
/// minutes=5 orders=200 stp=MODE`.
fn filters(pairs: &BTreeMap<&str, &str>) -> Read<Filters> {
    let mut filters = open_filters();
    for (name, value) in pairs {
        match *name {
            "tick" => filters.price.tick = Price(small(value)?),
            "price" => {
                let (min, max) = range(value)?;
                (filters.price.min, filters.price.max) = (Price(min), Price(max));
            }
            "lot" => filters.lot = lot(value)?,
            "market-lot" => filters.market_lot = lot(value)?,
            "notional" => {
                let (min, max) = range(value)?;
                filters.notional.form = NotionalForm::Range;
                (filters.notional.min, filters.notional.max) = (Amount(min.into()), Amount(max.into()));
            }
            "min-notional" => {
                filters.notional.form = NotionalForm::Minimum;
                filters.notional.min = Amount(number(value)?);
            }
            "to-market" => {
                filters.notional.min_to_market = value.contains("min");
                filters.notional.max_to_market = value.contains("max");
            }
            "minutes" => filters.notional.minutes = count(value)?,
            "orders" => filters.max_orders = count(value)?,
            "stp" => filters.prevention = word(Prevention::ALL, value)?,
            "stps" => {
                filters.preventions = 0;
                for mode in value.split(',') {
                    filters.preventions |= 1 << word(Prevention::ALL, mode)? as u8;
                }
            }
            _ => {}
        }
    }
    Ok(filters)
}

fn range(text: &str) -> Read<(u64, u64)> {
    let (min, max) = text.split_once("..").ok_or_else(|| format!("{text} is not MIN..MAX"))?;
    Ok((small(min)?, small(max)?))
}

fn lot(text: &str) -> Read<LotFilter> {
    let (bounds, step) = text.split_once('/').ok_or_else(|| format!("{text} is not MIN..MAX/STEP"))?;
    let (min, max) = range(bounds)?;
    Ok(LotFilter { min: Quantity(min), max: Quantity(max), step: Quantity(small(step)?) })
}
