//! The frame codec: what goes in comes out, and nothing else passes.

use super::*;
use proptest::prelude::*;

const LOG: LogId = LogId { identity: [3; 16], epoch: 2 };
const LIMIT: usize = 1 << 16;

fn builder() -> FrameBuilder {
    FrameBuilder::new(0, LIMIT)
}

fn seal(frame: &mut Frame, log: LogId, previous: Hash) -> Vec<u8> {
    frame.seal(&Seal::of(log, Durability::Fdatasync), previous).to_vec()
}

fn sealed(records: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = builder();
    for record in records {
        builder.push(record).unwrap();
    }
    seal(&mut builder.close(Frame::default()).unwrap(), LOG, Hash::NONE)
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
        prop_assert_eq!(frame.len() % ALIGN, 0);
        prop_assert_eq!(decode(&frame), Ok(records));
    }

    #[test]
    fn no_flipped_bit_passes(records in records(), place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = sealed(&records);
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn no_cut_passes(records in records(), place in any::<prop::sample::Index>()) {
        let bytes = sealed(&records);
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
    }

    #[test]
    fn random_bytes_are_no_frame(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn joined_frames_are_the_one_that_was_never_parted(records in records(), parts in prop::collection::vec(1..20_usize, 1..5)) {
        let mut builder = builder();
        let (mut joined, mut rest): (Option<Frame>, _) = (None, records.as_slice());
        for part in parts.into_iter().chain([records.len()]) {
            let (now, later) = rest.split_at(part.min(rest.len()));
            for record in now {
                builder.push(record).unwrap();
            }
            let closed = builder.close(Frame::default());
            joined = match (joined, closed) {
                (Some(mut frame), Some(closed)) => { frame.append(&closed); Some(frame) }
                (frame, closed) => frame.or(closed),
            };
            rest = later;
        }
        prop_assert_eq!(seal(&mut joined.unwrap(), LOG, Hash::NONE), sealed(&records));
    }

    #[test]
    fn frames_follow_each_other(first in records(), second in records()) {
        let mut builder = builder();
        let mut push_all = |records: &[Vec<u8>], spare| {
            for record in records {
                builder.push(record).unwrap();
            }
            builder.close(spare).unwrap()
        };
        let mut one = push_all(&first, Frame::default());
        let hash = hash_of(&seal(&mut one, LOG, Hash::NONE));
        prop_assert_eq!(hash_of(&seal(&mut one, LOG, Hash::NONE)), hash, "sealed again");
        let mut two = push_all(&second, one);
        prop_assert_eq!((two.first(), two.last()), (first.len() as u64 + 1, (first.len() + second.len()) as u64));
        let bytes = seal(&mut two, LOG, hash);
        prop_assert_eq!(Header::read(bytes.first_chunk().unwrap()).unwrap().previous, hash);
        prop_assert_eq!(&bytes, &seal(&mut fresh(first.len(), &second), LOG, hash), "nothing of the spare is left");
        prop_assert_eq!(decode(&bytes), Ok(second));
    }
}

fn fresh(last: usize, records: &[Vec<u8>]) -> Frame {
    let mut builder = FrameBuilder::new(last as u64, LIMIT);
    for record in records {
        builder.push(record).unwrap();
    }
    builder.close(Frame::default()).unwrap()
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = sealed(&[b"abc".to_vec()]);
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
    assert!(decode(&seal(&mut fresh(0, &[b"abc".to_vec()]), other, Hash::NONE)).is_err());
}

#[test]
fn a_full_frame_is_left_as_it_was() {
    let mut builder = FrameBuilder::new(0, 256);
    assert_eq!(builder.push(&[1; 100]).unwrap(), 1);
    assert!(!builder.fits(100));
    assert!(matches!(builder.push(&[2; 100]), Err(Error::FrameFull)));
    assert!(matches!(builder.push(&[2; 153]), Err(Error::RecordTooLarge { bytes: 153, limit: 152 })));
    let mut frame = builder.close(Frame::default()).unwrap();
    assert_eq!(decode(&seal(&mut frame, LOG, Hash::NONE)), Ok(vec![vec![1; 100]]));
    assert_eq!(builder.push(&[3; 152]).unwrap(), 2);
    assert_eq!(builder.close(frame).unwrap().size(), 256);
}

#[test]
fn an_empty_frame_is_none() {
    let mut builder = builder();
    assert!(builder.close(Frame::default()).is_none());
    assert!(builder.is_empty());
}

#[test]
fn a_sequence_that_nothing_can_have_is_refused() {
    let mut bytes = sealed(&[vec![1]]);
    for (first, passes) in [(0, false), (1, true), ((1 << 53) - 1, true), (1 << 53, false), (u64::MAX, false)] {
        bytes[16..24].copy_from_slice(&u64::to_le_bytes(first));
        let check = crc32c::crc32c(&bytes[..CHECKED]);
        bytes[CHECKED..CHECKED + 4].copy_from_slice(&check.to_le_bytes());
        let read = Header::read(bytes.first_chunk().unwrap());
        assert_eq!(read.map(|header| header.first).map_err(|flaw| flaw.at), if passes { Ok(first) } else { Err(16) });
    }
}

#[test]
fn an_open_frame_tells_how_large_it_will_be() {
    let records = [&b"one"[..], b"", b"another, and a longer one"].map(<[u8]>::to_vec);
    let mut builder = builder();
    for count in 1..=records.len() {
        builder.push(&records[count - 1]).unwrap();
        assert_eq!(builder.len(), sealed(&records[..count]).len());
    }
}

#[test]
fn a_header_that_no_frame_has_is_refused() {
    let least = frame_bytes(RECORD_HEADER);
    assert!(Header::read(&header(0, least, 1, 1, Hash::NONE)).is_ok());
    for (length, count, first, offset) in [
        (least + 1, 1, 1, 8),
        (least - ALIGN, 1, 1, 8),
        (0, 1, 1, 8),
        (least, 0, 1, 8),
        (least, 1, 0, 16),
        (least, 1, SEQUENCES, 16),
    ] {
        let refused = Header::read(&header(0, length, count, first, Hash::NONE)).map(|_| ()).expect_err("impossible");
        assert_eq!(refused.at, offset, "{length} bytes, {count} records from {first}");
    }
}
