//! lobster on our files; see `benches/book/src/files.rs` for what they hold.

use std::time::Instant;

use lobster::{FillMetadata, OrderBook, OrderEvent, OrderType, Side};

const HEAD: usize = 5;

#[derive(Default)]
struct Trades {
    fills: u64,
    quantity: u64,
    notional: u64,
}

impl Trades {
    fn add(&mut self, fills: &[FillMetadata]) {
        for fill in fills {
            self.fills += 1;
            self.quantity = self.quantity.wrapping_add(fill.qty);
            self.notional = self.notional.wrapping_add(fill.price.wrapping_mul(fill.qty));
        }
    }
}

fn apply(book: &mut OrderBook, message: &[u64], trades: &mut Trades) {
    let (kind, id) = (message[0] & 0xFF, u128::from(message[1]));
    if kind >= 2 {
        book.execute(OrderType::Cancel { id });
    }
    if kind == 2 {
        return;
    }
    let side = if message[0] >> 8 == 0 { Side::Bid } else { Side::Ask };
    let event = book.execute(OrderType::Limit { id, side, qty: message[3], price: message[2] });
    let whole = matches!(event, OrderEvent::Filled { .. });
    if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = &event {
        trades.add(fills);
    }
    // It knows no immediate orders: what rests is cancelled.
    if kind == 1 && !whole {
        book.execute(OrderType::Cancel { id });
    }
}

/// Seconds that this thread has been on a processor.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("the file is there");
        let words: Vec<u64> =
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
        let (filling, messages) = words[HEAD..].split_at(words[0] as usize * 4);
        let (mut book, mut trades) = (OrderBook::new(words[0] as usize + words[1] as usize, 10, false), Trades::default());
        filling.chunks_exact(4).for_each(|message| apply(&mut book, message, &mut Trades::default()));
        let (start, before) = (Instant::now(), busy());
        messages.chunks_exact(4).for_each(|message| apply(&mut book, message, &mut trades));
        let (seconds, spent) = (start.elapsed().as_secs_f64(), busy() - before);
        let Trades { fills, quantity, notional } = trades;
        println!("peer {path} {} {seconds:.6} {spent:.6} {fills} {quantity} {notional}", words[1]);
    }
}
