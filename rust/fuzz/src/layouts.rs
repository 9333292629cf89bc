//! The codecs of commands and events.

use agio_engine::commands::{Command, decode_record, encode_record};
use agio_engine::events::Event;

/// A record that is accepted is the record that would be written.
pub(crate) fn commands(data: &[u8]) {
    if let Ok((envelope, command)) = decode_record(data) {
        let mut again = Vec::new();
        encode_record(&envelope, &command, &mut again);
        assert_eq!(again, data, "{command:?} encodes to other bytes");
    }
    if let Ok(command) = Command::decode(data) {
        let (mut whole, mut room) = (Vec::new(), [0xA5; 1024]);
        command.encode(&mut whole);
        assert_eq!(whole, data, "{command:?} encodes to other bytes");
        if let Some(length) = command.encode_front(&mut room) {
            assert_eq!(room[..length], whole, "{command:?} encodes to other bytes in room of its own");
        }
    }
}

/// As many events as there are: each that is accepted takes exactly the bytes that it encodes to.
pub(crate) fn events(mut data: &[u8]) {
    loop {
        let before = data;
        let Ok(event) = Event::take(&mut data) else { break };
        let mut again = Vec::new();
        event.encode(&mut again);
        assert_eq!(again, before[..before.len() - data.len()], "{event:?} encodes to other bytes");
        assert_eq!(Event::decode(&again), Ok(event));
    }
}
