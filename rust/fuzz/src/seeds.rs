//! What a fuzzer begins with: made from the golden log and from seeded numbers, so that none of it has to be kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use agio_engine::Engine;
use agio_engine::commands::decode_record;

/// The records of the golden log.
fn golden() -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/engine-1.log");
    let log = fs::read(path).expect("the golden log");
    let (mut rest, mut records) = (log.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (record, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        records.push(record.to_vec());
        rest = after;
    }
    records
}

/// One record of each kind, with its envelope and without.
pub(crate) fn commands() -> Vec<Vec<u8>> {
    let mut kinds = BTreeMap::new();
    for record in golden() {
        let (_, command) = decode_record(&record).expect("a record");
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        kinds.entry(command.name()).or_insert([record, bytes]);
    }
    kinds.into_values().flatten().collect()
}

/// One event of each kind.
pub(crate) fn events() -> Vec<Vec<u8>> {
    let (mut engine, mut kinds, mut events) = (Engine::new(), BTreeMap::new(), Vec::new());
    for record in golden() {
        let (envelope, command) = decode_record(&record).expect("a record");
        engine.apply(&envelope, &command, &mut events);
        for event in events.drain(..) {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            kinds.entry(event.name()).or_insert(bytes);
        }
    }
    kinds.into_values().collect()
}

/// The golden log's exchange at some points.
pub(crate) fn states() -> Vec<Vec<u8>> {
    let (mut engine, mut states, mut events) = (Engine::new(), Vec::new(), Vec::new());
    for (number, record) in golden().iter().enumerate() {
        if [0, 8, 20, 40, 120, 400].contains(&number) {
            let mut bytes = Vec::new();
            engine.snapshot(&mut bytes);
            states.push(bytes);
        }
        let (envelope, command) = decode_record(record).expect("a record");
        engine.apply(&envelope, &command, &mut events);
        events.clear();
    }
    states
}

/// Seeded numbers (`SplitMix64`), few and many.
pub(crate) fn numbers() -> Vec<Vec<u8>> {
    let mut state = 2_026_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as u8
    };
    [0, 1, 16, 64, 200, 500, 1_000, 2_000, 4_000].map(|length| (0..length).map(|_| next()).collect()).into()
}

/// Requests as clients send them; the first byte says how they are taken.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    [
        "\0s=BTCUSDT&p=1.10&a=5&n=7&o=1&e=BUY&c=x-1&b=true&t=1700000000000&z=0:00",
        "\0ss=%5B%22A%22,%22B%22%5D&l=SPOT&o=12&s=A%20B&p=0.00000001",
        "\x02\x32symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=2",
        "\x02\x20symbol=BTCUSDT&side=SELL&type=MARKET&quoteOrderQty=10.5&recvWindow=6000",
        "\x0492233720368.54775807",
        "\x0400000000000000000001.00000000",
        "\x05^[a-zA-Z0-9-_]{1,36}$\nabc",
        r"\w&&[^a-z]",
        "\x06AAAA",
        "\x07{\"signed\": true, \"params\": [{\"name\": \"s\", \"kind\": \"text\", \"pattern\": \"^[a]{1,2}$\"}]}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
