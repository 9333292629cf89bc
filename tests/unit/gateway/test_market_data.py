"""What is public: markets, the book, trades, candles, tickers."""

from typing import Any

import pytest

from agio.domain.history import AggregateRow, Candle, TradeRow
from agio.gateway.params import EARLIEST, FUTURE
from agio.gateway.spot.market_data import zone_minutes
from tests.unit.gateway.world import NOW, World

TRADE = TradeRow(0, 8, 5, 200_000_000, 50_000_000, 100_000_000, 1, 2, 1000, 1001, True, NOW, 10, 0, 20, 1, 99)
COMBINATION = (-1128, "Combination of optional parameters invalid.")


def symbols(info: dict[str, Any]) -> list[str]:
    return [symbol["symbol"] for symbol in info["symbols"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ("symbol=ETHBTC", ["ETHBTC"]),
        ('symbols=["ETHBTC","BTCUSDT"]', ["ETHBTC", "BTCUSDT"]),
        ("symbols=%5B%22BTCUSDT%22%5D", ["BTCUSDT"]),
        ("permissions=SPOT", ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ('permissions=["MARGIN","LEVERAGED"]', []),
        ('permissions=["MARGIN","SPOT"]&symbolStatus=HALT', ["ETHUSDT"]),
        ("symbolStatus=TRADING", ["BTCUSDT", "ETHBTC"]),
        ("symbolStatus=BREAK", []),
    ],
)
async def test_exchange_info_selects(world: World, query: str, expected: list[str]) -> None:
    assert symbols(await world.get("/api/v3/exchangeInfo", query)) == expected


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ('symbol=BTCUSDT&symbols=["BTCUSDT"]', COMBINATION),
        ("symbol=BTCUSDT&permissions=SPOT", COMBINATION),
        ('symbols=["BTCUSDT"]&permissions=SPOT', COMBINATION),
        ("symbol=BTCUSDT&symbolStatus=TRADING", COMBINATION),
        ("symbol=NOPE", (-1121, "Invalid symbol.")),
        ('symbols=["BTCUSDT","NOPE"]', (-1121, "Invalid symbol.")),
        ('symbols=["BTCUSDT","BTCUSDT"]', (-1151, "Symbol is present multiple times in the list.")),
        ("symbolStatus=CLOSED", (-1122, "Invalid symbolStatus.")),
        ("permissions=NOPE", (-1130, "Data sent for parameter 'permissions' is not valid.")),
        ("permissions=[SPOT]", (-1130, "Data sent for parameter 'permissions' is not valid.")),
        ("permissions=[]", (-1130, "Data sent for parameter 'permissions' is not valid.")),
    ],
)
async def test_exchange_info_refuses(world: World, query: str, error: tuple[int, str]) -> None:
    assert await world.refused("/api/v3/exchangeInfo", query) == error


async def test_exchange_info_tells_all_that_clients_read(world: World) -> None:
    info = await world.get("/api/v3/exchangeInfo")
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert [(limit["rateLimitType"], limit["limit"]) for limit in info["rateLimits"]] == [
        ("REQUEST_WEIGHT", 6000), ("ORDERS", 100), ("ORDERS", 200_000), ("RAW_REQUESTS", 300_000),
    ]  # fmt: skip
    market = info["symbols"][0]
    assert {
        "symbol", "status", "baseAsset", "baseAssetPrecision", "quoteAsset", "quotePrecision", "quoteAssetPrecision",
        "baseCommissionPrecision", "quoteCommissionPrecision", "orderTypes", "icebergAllowed", "ocoAllowed",
        "otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop", "cancelReplaceAllowed",
        "amendAllowed", "pegInstructionsAllowed", "isSpotTradingAllowed", "isMarginTradingAllowed", "filters",
        "permissions", "permissionSets", "defaultSelfTradePreventionMode", "allowedSelfTradePreventionModes",
    } == set(market)  # fmt: skip
    assert market["permissionSets"] == [["SPOT"]]
    assert market["defaultSelfTradePreventionMode"] == "EXPIRE_MAKER"
    assert market["allowedSelfTradePreventionModes"] == [
        "NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT",
    ]  # fmt: skip
    filters = {one["filterType"]: one for one in market["filters"]}
    assert filters == {
        "PRICE_FILTER": {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01000000",
            "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        "LOT_SIZE": {
            "filterType": "LOT_SIZE",
            "minQty": "0.00001000",
            "maxQty": "9000.00000000",
            "stepSize": "0.00001000",
        },
        "MARKET_LOT_SIZE": {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "100.00000000",
            "stepSize": "0.00000000",
        },
        "NOTIONAL": {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        "MAX_NUM_ORDERS": {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    }
    minimum = {one["filterType"]: one for one in info["symbols"][1]["filters"]}["MIN_NOTIONAL"]
    assert minimum == {
        "filterType": "MIN_NOTIONAL", "minNotional": "5.00000000", "applyToMarket": True, "avgPriceMins": 5,
    }  # fmt: skip


async def test_a_limit_that_is_off_is_no_limit_of_0(world: World) -> None:
    from msgspec.structs import replace

    from agio.domain.markets import Catalog, LotFilter
    from tests.unit.gateway.world import ASSETS, MARKETS

    limits, off = MARKETS[0].filters, LotFilter(0, 0, 0)
    notional = replace(limits.notional, max=0)
    unlimited = replace(limits, lot=off, market_lot=off, notional=notional, max_orders=0)
    world.catalogue.current = Catalog.of(ASSETS, (replace(MARKETS[0], filters=unlimited),))
    info = await world.get("/api/v3/exchangeInfo")
    filters = {one["filterType"]: one for one in info["symbols"][0]["filters"]}
    assert filters["LOT_SIZE"] == {
        "filterType": "LOT_SIZE",
        "minQty": "0.00000000",
        "maxQty": "92233720368.54775807",
        "stepSize": "0.00000001",
    }
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "92233720368.54775807"
    assert filters["MARKET_LOT_SIZE"]["stepSize"] == "0.00000000", "as at Binance"
    assert filters["NOTIONAL"]["maxNotional"] == "792281625142643375935.43950336"
    assert "MAX_NUM_ORDERS" not in filters


async def test_permission_sets_can_be_hidden(world: World) -> None:
    info = await world.get("/api/v3/exchangeInfo", "symbol=BTCUSDT&showPermissionSets=false")
    assert info["symbols"][0]["permissionSets"] == []


async def test_a_new_catalogue_is_seen(world: World) -> None:
    from agio.domain.markets import Catalog
    from tests.unit.gateway.world import ASSETS, MARKETS

    await world.get("/api/v3/exchangeInfo")
    world.catalogue.current = Catalog.of(ASSETS, MARKETS[:1])
    assert symbols(await world.get("/api/v3/exchangeInfo")) == ["BTCUSDT"]


async def test_depth_asks_the_shard(world: World) -> None:
    await world.get("/api/v3/depth", "symbol=BTCUSDT")
    await world.get("/api/v3/depth", "symbol=BTCUSDT&limit=9999&symbolStatus=TRADING")
    assert world.shard.asked == [("depth", "BTCUSDT", 100), ("depth", "BTCUSDT", 5000)]
    wrong = (-1220, "The symbol's status does not match the requested symbolStatus.")
    assert await world.refused("/api/v3/depth", "symbol=BTCUSDT&symbolStatus=HALT") == wrong
    assert await world.refused("/api/v3/depth", "symbol=NOPE") == (-1121, "Invalid symbol.")


async def test_trades(world: World) -> None:
    world.history.rows["trades"] = [TRADE]
    answer = await world.get(
        "/api/v3/historicalTrades", "symbol=BTCUSDT&fromId=8&limit=5000", x_mbx_time_unit="MICROSECOND"
    )
    assert answer == [
        {
            "id": 8,
            "price": "2.00000000",
            "qty": "0.50000000",
            "quoteQty": "1.00000000",
            "time": NOW,
            "isBuyerMaker": True,
            "isBestMatch": True,
        }
    ]
    assert world.history.asked == [("reached", 77), ("trades", (0, {"from_id": 8, "limit": 1000}))]
    await world.get("/api/v3/trades", "symbol=BTCUSDT")
    assert world.history.asked[-1] == ("trades", (0, {"from_id": None, "limit": 500}))
    assert (await world.refused("/api/v3/trades", "symbol=BTCUSDT&fromId=8"))[0] == -1104


async def test_aggregates(world: World) -> None:
    world.history.rows["aggregates"] = [AggregateRow(0, 5, 200_000_000, 50_000_000, 8, 9, False, NOW)]
    answer = await world.get("/api/v3/aggTrades", f"symbol=BTCUSDT&startTime={NOW // 1000}&endTime={NOW}")
    expected = {"a": 5, "p": "2.00000000", "q": "0.50000000", "f": 8, "l": 9, "T": NOW // 1000, "m": False, "M": True}
    assert answer == [expected]
    assert world.history.asked[-1] == ("aggregates", (0, {"from_id": None, "start": NOW, "end": NOW, "limit": 500}))


@pytest.mark.parametrize("window", ["startTime=1", "endTime=1", "startTime=1&endTime=2"])
async def test_aggregates_begin_at_a_number_or_a_time(world: World, window: str) -> None:
    """web-socket-api.md: `fromId` cannot be used together with times; it was ignored."""
    refused = await world.refused("/api/v3/aggTrades", f"symbol=BTCUSDT&fromId=1&{window}")
    assert refused == (-1128, "Combination of optional parameters invalid.")
    assert world.history.asked == []


async def test_klines(world: World) -> None:
    closed = NOW + 59_999_999
    world.history.rows["candles"] = [Candle(NOW, closed, 1, 4, 1, 2, 100_000_000, 3, 6, 5, 7, 8, 13)]
    for path in ("klines", "uiKlines"):
        answer = await world.get(f"/api/v3/{path}", "symbol=BTCUSDT&interval=1M&timeZone=-1:30")
        assert answer == [
            [
                NOW // 1000, "0.00000001", "0.00000004", "0.00000001", "0.00000002", "1.00000000", closed // 1000,
                "0.00000003", 6, "0.00000005", "0.00000007", "0",
            ]
        ]  # fmt: skip
    bounds = {"start": None, "end": None, "limit": 500, "offset_minutes": -90}
    assert world.history.asked[-1] == ("candles", (0, "1M", bounds))
    assert await world.refused("/api/v3/klines", "symbol=BTCUSDT&interval=2m") == (-1120, "Invalid interval.")
    unsupported = (-1020, "This operation is not supported.")
    assert await world.refused("/api/v3/klines", "symbol=BTCUSDT&interval=1s") == unsupported


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("startTime=9223372036854775807", NOW + FUTURE, None),
        (f"startTime={NOW}000", NOW + FUTURE, None),  # nanoseconds: no year that a calendar knows
        ("startTime=0&endTime=9999999999999", EARLIEST, NOW + FUTURE),
        ("endTime=0", None, EARLIEST),
        (f"startTime={NOW + FUTURE}", NOW + FUTURE, None),
    ],
)
@pytest.mark.parametrize("path", ["klines?interval=1M&", "aggTrades?"])
async def test_windows_are_moved_into_the_range_of_times(
    world: World, path: str, asked: str, start: int | None, end: int | None
) -> None:
    name, _, interval = path.partition("?")
    assert await world.get(f"/api/v3/{name}", f"symbol=BTCUSDT&{interval}{asked}") == []
    bounds = world.history.asked[-1][1][-1]
    assert (bounds["start"], bounds["end"]) == (start, end)


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("0", 0), ("8", 480), ("-1:00", -60), ("05:45", 345), ("+14:00", 840), ("-12:00", -720), ("14", 840)],
)
def test_zones(zone: str, minutes: int) -> None:
    assert zone_minutes(zone) == minutes


@pytest.mark.parametrize("zone", ["14:01", "-12:01", "5:75", ":", "1:2", "123", "--1", "+"])
async def test_bad_zones(world: World, zone: str) -> None:
    refusal = await world.refused("/api/v3/klines", f"symbol=BTCUSDT&interval=1m&timeZone={zone.replace('+', '%2B')}")
    assert refusal == (-1130, "Data sent for parameter 'timeZone' is not valid.")


async def test_day_ticker(world: World) -> None:
    assert await world.get("/api/v3/ticker/24hr", "symbol=BTCUSDT") == {
        "symbol": "BTCUSDT",
        "priceChange": "-1.00000000",
        "priceChangePercent": "-33.333",
        "weightedAvgPrice": "2.50000000",
        "prevClosePrice": "3.00000000",
        "lastPrice": "2.00000000",
        "lastQty": "0.00000005",
        "bidPrice": "1.99000000",
        "bidQty": "0.00000010",
        "askPrice": "2.01000000",
        "askQty": "0.00000020",
        "openPrice": "3.00000000",
        "highPrice": "4.00000000",
        "lowPrice": "1.00000000",
        "volume": "6.00000000",
        "quoteVolume": "15.00000000",
        "openTime": NOW // 1000 - 86_400_000,
        "closeTime": NOW // 1000,
        "firstId": 7,
        "lastId": 9,
        "count": 3,
    }
    mini = await world.get("/api/v3/ticker/24hr", "symbol=ETHBTC&type=MINI")
    assert list(mini) == [
        "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
        "firstId", "lastId", "count",
    ]  # fmt: skip
    assert mini["firstId"] == -1


@pytest.mark.parametrize("path", ["ticker/24hr", "ticker/price", "ticker/bookTicker"])
async def test_tickers_select(world: World, path: str) -> None:
    def names(answer: list[dict[str, Any]]) -> list[str]:
        return [one["symbol"] for one in answer]

    assert names(await world.get(f"/api/v3/{path}")) == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    assert names(await world.get(f"/api/v3/{path}", "symbolStatus=HALT")) == ["ETHUSDT"]
    assert names(await world.get(f"/api/v3/{path}", 'symbols=["ETHBTC"]')) == ["ETHBTC"]
    assert (await world.get(f"/api/v3/{path}", "symbol=ETHBTC"))["symbol"] == "ETHBTC"
    assert await world.refused(f"/api/v3/{path}", 'symbol=ETHBTC&symbols=["ETHBTC"]') == COMBINATION
    assert (await world.refused(f"/api/v3/{path}", "symbol=ETHBTC&symbolStatus=HALT"))[0] == -1220


async def test_prices(world: World) -> None:
    assert await world.get("/api/v3/ticker/price", "symbol=BTCUSDT") == {"symbol": "BTCUSDT", "price": "2.00000000"}
    assert await world.get("/api/v3/ticker/bookTicker", "symbol=BTCUSDT") == {
        "symbol": "BTCUSDT",
        "bidPrice": "1.99000000",
        "bidQty": "0.00000010",
        "askPrice": "2.01000000",
        "askQty": "0.00000020",
    }
    await world.get("/api/v3/avgPrice", "symbol=BTCUSDT", x_mbx_time_unit="MICROSECOND")
    assert world.shard.asked == [("average_price", "BTCUSDT", True)]
