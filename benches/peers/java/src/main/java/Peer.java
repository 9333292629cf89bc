import exchange.core2.collections.objpool.ObjectsPool;
import exchange.core2.core.common.CoreSymbolSpecification;
import exchange.core2.core.common.MatcherEventType;
import exchange.core2.core.common.MatcherTradeEvent;
import exchange.core2.core.common.OrderAction;
import exchange.core2.core.common.OrderType;
import exchange.core2.core.common.SymbolType;
import exchange.core2.core.common.cmd.OrderCommand;
import exchange.core2.core.common.cmd.OrderCommandType;
import exchange.core2.core.common.config.LoggingConfiguration;
import exchange.core2.core.orderbook.IOrderBook;
import exchange.core2.core.orderbook.OrderBookDirectImpl;
import exchange.core2.core.orderbook.OrderBookEventsHelper;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** exchange-core's fast book alone, without accounts, queues and journal. See benches/book/src/files.rs for the files. */
public final class Peer {
    private static final int HEAD = 5;
    private static final int WARM_UPS = 3;

    private final IOrderBook book;
    private final OrderCommand command = new OrderCommand();
    private long fills;
    private long quantity;
    private long notional;

    private Peer() {
        CoreSymbolSpecification market = CoreSymbolSpecification.builder()
            .symbolId(1).type(SymbolType.FUTURES_CONTRACT).baseCurrency(1).quoteCurrency(2).baseScaleK(1).quoteScaleK(1)
            .build();
        book = new OrderBookDirectImpl(market, ObjectsPool.createDefaultTestPool(),
            OrderBookEventsHelper.NON_POOLED_EVENTS_HELPER, LoggingConfiguration.DEFAULT);
        command.uid = 1;
        command.symbol = 1;
    }

    public static void main(String[] paths) throws IOException {
        for (String path : paths) {
            long[] words = read(path);
            for (int round = 0; round < WARM_UPS; round++) {
                run(words);
            }
            System.out.println("peer " + path + " " + words[1] + " " + run(words));
        }
    }

    private static long[] read(String path) throws IOException {
        LongBuffer buffer = ByteBuffer.wrap(Files.readAllBytes(Path.of(path))).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
        long[] words = new long[buffer.remaining()];
        buffer.get(words);
        return words;
    }

    private static String run(long[] words) {
        Peer peer = new Peer();
        int timed = HEAD + 4 * (int) words[0];
        for (int at = HEAD; at < timed; at += 4) {
            peer.apply(words, at);
        }
        peer.fills = peer.quantity = peer.notional = 0;
        System.gc();
        long busy = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        long start = System.nanoTime();
        for (int at = timed; at < words.length; at += 4) {
            peer.apply(words, at);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        double busySeconds = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - busy) / 1e9;
        return seconds + " " + busySeconds + " " + peer.fills + " " + peer.quantity + " " + peer.notional;
    }

    private void apply(long[] words, int at) {
        int kind = (int) words[at] & 0xFF;
        if (kind >= 2) {
            command.command = OrderCommandType.CANCEL_ORDER;
            command.orderId = words[at + 1];
            command.matcherEvent = null;
            command.resultCode = book.cancelOrder(command);
        }
        if (kind != 2) {
            command.command = OrderCommandType.PLACE_ORDER;
            command.orderId = words[at + 1];
            command.price = words[at + 2];
            command.reserveBidPrice = words[at + 2];
            command.size = words[at + 3];
            command.action = words[at] >> 8 == 0 ? OrderAction.BID : OrderAction.ASK;
            command.orderType = kind == 1 ? OrderType.IOC : OrderType.GTC;
            command.matcherEvent = null;
            book.newOrder(command);
            for (MatcherTradeEvent event = command.matcherEvent; event != null; event = event.nextEvent) {
                count(event);
            }
        }
    }

    private void count(MatcherTradeEvent event) {
        if (event.eventType == MatcherEventType.TRADE) {
            fills++;
            quantity += event.size;
            notional += event.price * event.size;
        }
    }
}
