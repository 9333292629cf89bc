//! The frame codec: what goes in comes out, and nothing else passes.

use super::*;
use proptest::prelude::*;

const LOG: LogId = LogId { identity: [3; 16], epoch: 2 };
const LIMIT: usize = 1 << 16;

fn builder() -> FrameBuilder {
    FrameBuilder::new(LOG, Durability::Fdatasync, 0, Hash::NONE, LIMIT)
}

fn sealed(records: &[Vec<u8>]) -> Frame {
    let mut builder = builder();
    for record in records {
        builder.push(record).unwrap();
    }
    builder.seal(Frame::default()).unwrap()
}

fn decode(bytes: &[u8]) -> std::result::Result<Vec<Vec<u8>>, Flaw> {
    let short = || Flaw::new(bytes.len(), "more", "the end");
    let header = Header::read(bytes.first_chunk().ok_or_else(short)?)?;
    let frame = bytes.get(..header.length).ok_or_else(short)?;
    check(&LOG.key(), &header, frame)?;
    Ok(Records::new(frame).map(<[u8]>::to_vec).collect())
}

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_goes_in_comes_out(records in records()) {
        let frame = sealed(&records);
        prop_assert_eq!(frame.bytes().len() % ALIGN, 0);
        prop_assert_eq!(frame.last(), records.len() as u64);
        prop_assert_eq!(decode(frame.bytes()), Ok(records));
    }

    #[test]
    fn no_flipped_bit_passes(records in records(), place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = sealed(&records).bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn no_cut_passes(records in records(), place in any::<prop::sample::Index>()) {
        let bytes = sealed(&records).bytes().to_vec();
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
    }

    #[test]
    fn random_bytes_are_no_frame(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn frames_follow_each_other(first in records(), second in records()) {
        let mut builder = builder();
        let mut push_all = |records: &[Vec<u8>], spare| {
            for record in records {
                builder.push(record).unwrap();
            }
            builder.seal(spare).unwrap()
        };
        let one = push_all(&first, Frame::default());
        let hash = one.hash();
        let two = push_all(&second, one);
        prop_assert_eq!((two.first(), two.previous), (first.len() as u64 + 1, hash));
        prop_assert_eq!(decode(two.bytes()), Ok(second));
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let frame = sealed(&[b"abc".to_vec()]);
    let bytes = frame.bytes();
    assert_eq!(bytes.len(), 64 + 8 + 3 + 5 + 32);
    assert_eq!(&bytes[..16], b"AGJF\x01\x01\0\0\x70\0\0\0\x01\0\0\0");
    assert_eq!(&bytes[16..24], &1u64.to_le_bytes());
    assert_eq!(&bytes[24..56], &[0; 32]);
    assert_eq!(&bytes[56..60], &crc32c::crc32c(&bytes[..56]).to_le_bytes());
    assert_eq!(&bytes[64..68], &3u32.to_le_bytes());
    assert_eq!(&bytes[68..72], &crc32c::crc32c(b"\x03\0\0\0abc").to_le_bytes());
    assert_eq!(&bytes[72..80], b"abc\0\0\0\0\0");
    assert_eq!(&bytes[80..], blake3::keyed_hash(&LOG.key(), &bytes[..80]).as_bytes());
}

#[test]
fn a_frame_of_another_log_does_not_pass() {
    let other = LogId { epoch: 3, ..LOG };
    let mut builder = FrameBuilder::new(other, Durability::Fdatasync, 0, Hash::NONE, LIMIT);
    builder.push(b"abc").unwrap();
    assert!(decode(builder.seal(Frame::default()).unwrap().bytes()).is_err());
}

#[test]
fn a_full_frame_is_left_as_it_was() {
    let mut builder = FrameBuilder::new(LOG, Durability::Memory, 0, Hash::NONE, 256);
    assert_eq!(builder.push(&[1; 100]).unwrap(), 1);
    assert!(!builder.fits(100));
    assert!(matches!(builder.push(&[2; 100]), Err(Error::FrameFull)));
    assert!(matches!(builder.push(&[2; 153]), Err(Error::RecordTooLarge { bytes: 153, limit: 152 })));
    let frame = builder.seal(Frame::default()).unwrap();
    assert_eq!(decode(frame.bytes()), Ok(vec![vec![1; 100]]));
    assert_eq!(builder.push(&[3; 152]).unwrap(), 2);
    assert_eq!(builder.seal(frame).unwrap().bytes().len(), 256);
}

#[test]
fn an_empty_frame_is_none_and_keeps_the_memory() {
    let mut builder = builder();
    assert!(builder.seal(Frame::default()).is_none());
    assert!(builder.is_empty());
}
