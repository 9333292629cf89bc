//! The workload as files, so that engines in any language can run the very same messages.
//!
//! A file is little-endian 64-bit words: how many messages fill the book, how many are timed, then the fills, traded
//! quantity and notional (modulo 2^64) that the timed ones come to; then four words a message: kind with the side in
//! its second byte, id (below 2^63), price in ticks, quantity. Kinds: 0 rests, 1 immediate or cancel, 2 cancel,
//! 3 cancel and place anew at the back (an order that rests for certain, with its side).

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use agio_book::{Bare, Book, Done, Incoming, Lifetime, Message, Side};
use agio_engine::Prevent;

use crate::apply_one;
use crate::ring::{Ring, Trades};
use crate::runs::{Run, run, run_naive};
use crate::tables::DIFFERENT;
use crate::venue::Venue;
use crate::workload::TICK;

const HEAD: usize = 5;
/// How often a file is run; the median counts.
const RUNS: usize = 3;
/// Peers' ids may be signed.
const ID: u64 = u64::MAX >> 1;

/// A workload that was read back.
pub(crate) struct File {
    filling: Vec<Message>,
    messages: Vec<Message>,
    trades: Trades,
}

/// What a message is in a file. The book knows what rests, and which side a replacement has.
fn words(book: &Book<Bare>, message: &Message) -> [u64; 4] {
    match *message {
        Message::Place(Incoming { id, side, limit, quantity, lifetime }) => {
            let kind = u64::from(lifetime == Lifetime::Immediate);
            [kind | (side as u64) << 8, id & ID, limit.unwrap_or(0) / TICK, quantity]
        }
        Message::Replace { id, price, quantity } => match book.get(id) {
            Some((order, ())) => [3 | (order.side as u64) << 8, id & ID, price / TICK, quantity],
            None => [2, id & ID, 0, 0],
        },
        Message::Cancel { id } | Message::Reduce { id, .. } => [2, id & ID, 0, 0],
    }
}

fn message([kind, id, price, quantity]: [u64; 4]) -> Message {
    let side = if kind >> 8 == 0 { Side::Buy } else { Side::Sell };
    let lifetime = if kind & 1 == 0 { Lifetime::Rest } else { Lifetime::Immediate };
    match kind & 0xFF {
        2 => Message::Cancel { id },
        3 => Message::Replace { id, price: price * TICK, quantity },
        _ => Message::Place(Incoming { id, quantity, limit: Some(price * TICK), side, lifetime }),
    }
}

/// Writes a workload. Reductions, which few engines know, become replacements at the back.
pub(crate) fn write(path: &Path, filling: &[Message], messages: &[Message]) -> io::Result<()> {
    let (mut book, mut ring) = (Book::<Bare>::new(), Ring::<Bare>::new());
    let mut all = Vec::with_capacity(filling.len() + messages.len());
    for message in filling.iter().chain(messages) {
        let reduced = match *message {
            Message::Reduce { id, left } => book.get(id).map(|(order, ())| (id, order.price, left)),
            _ => None,
        };
        let message = reduced.map_or(*message, |(id, price, quantity)| Message::Replace { id, price, quantity });
        all.push(words(&book, &message));
        apply_one!(Bare, book, 0, &message, &mut ring);
    }
    ring.finish();
    let filled: Vec<Message> = all[..filling.len()].iter().copied().map(self::message).collect();
    let timed: Vec<Message> = all[filling.len()..].iter().copied().map(self::message).collect();
    let trades = run_naive::<Bare>(&filled, &timed).sums.trades;
    let mut file = BufWriter::new(fs::File::create(path)?);
    let head = [filled.len() as u64, timed.len() as u64, trades.fills, trades.quantity, trades.notional];
    for word in head.iter().chain(all.iter().flatten()) {
        file.write_all(&word.to_le_bytes())?;
    }
    file.flush()
}

/// Reads a workload.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    let bytes = fs::read(path)?;
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let words: Vec<u64> = bytes.chunks_exact(8).map(word).collect();
    let record = |words: &[u64]| message(words.try_into().expect("four words"));
    let all: Vec<Message> = words[HEAD..].chunks_exact(4).map(record).collect();
    let (filling, messages) = all.split_at(words[0] as usize);
    let trades = Trades { fills: words[2], quantity: words[3], notional: words[4] };
    Ok(File { filling: filling.to_vec(), messages: messages.to_vec(), trades })
}

/// Runs each file and prints, as every peer does, `mode file messages seconds processor-seconds fills quantity notional`.
pub(crate) fn peer(paths: &[String]) -> io::Result<()> {
    for path in paths {
        let file = read(Path::new(path))?;
        for mode in [Mode { name: "single", batch: false }, Mode { name: "batch", batch: true }] {
            let trades = tell::<Bare>(path, &file, mode);
            assert_eq!(trades, file.trades, "the trades of {path} differ from those that it names");
        }
        // Self-trade prevention takes some trades away: these lines have sums of their own.
        for mode in [Mode { name: "single-spot", batch: false }, Mode { name: "batch-spot", batch: true }] {
            tell::<Prevent>(path, &file, mode);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Mode {
    name: &'static str,
    batch: bool,
}

/// Runs a file several times, each with the naive twin's checksum, and prints the median.
fn tell<V: Venue>(path: &str, file: &File, mode: Mode) -> Trades {
    let naive = run_naive::<V>(&file.filling, &file.messages);
    let mut runs: Vec<Run> = (0..RUNS).map(|_| run::<V>(&file.filling, &file.messages, mode.batch)).collect();
    assert!(runs.iter().all(|run| run.sums == naive.sums), "{DIFFERENT}");
    runs.sort_by(|one, other| one.busy.total_cmp(&other.busy));
    let (Run { seconds, busy, sums }, count) = (runs[RUNS / 2], file.messages.len());
    let Trades { fills, quantity, notional } = sums.trades;
    println!("{} {path} {count} {seconds:.6} {busy:.6} {fills} {quantity} {notional}", mode.name);
    sums.trades
}
