//! What clients are told of a command: whatever happened, it is JSON.

use agio_edge::{Names, Response, Style, replies, streams};
use agio_engine::Engine;
use agio_engine::commands::Command;
use agio_engine::events::Event;
use agio_engine::units::{AssetId, MarketId};

/// The names that an engine has listed.
struct Listed<'a>(&'a Engine);

impl Names for Listed<'_> {
    fn symbol(&self, market: MarketId) -> &str {
        self.0.market(market).expect("an event's market is listed").symbol
    }

    fn asset(&self, asset: AssetId) -> &str {
        self.0.assets().find(|listed| listed.id == asset).expect("an event's asset is listed").name
    }
}

/// The reply to the command, and every payload of every stream.
pub(crate) fn all(engine: &Engine, command: &Command, events: &[Event]) {
    let names = Listed(engine);
    for style in [Style::MILLIS, Style::MICROS] {
        reply(command, events, style, &names);
        payloads(command, events, style, &names);
    }
}

fn reply(command: &Command, events: &[Event], style: Style, names: &Listed<'_>) {
    let json = |status: &dyn Fn(&mut Vec<u8>) -> u16| {
        let mut out = Vec::new();
        let status = status(&mut out);
        is_json(&out);
        let refused = matches!(events, [Event::Rejected(_)]);
        assert_eq!(status >= 400, refused, "status {status} of {command:?}, which gave {events:?}");
    };
    match command {
        Command::Place(_) => {
            for response in [Response::Ack, Response::Result, Response::Full] {
                json(&|out| replies::placed(events, response, style, names, out));
            }
        }
        Command::Cancel(_) => json(&|out| replies::canceled(events, style, names, out)),
        Command::CancelAll(_) => json(&|out| replies::canceled_all(events, style, names, out)),
        _ => {}
    }
}

fn payloads(command: &Command, events: &[Event], style: Style, names: &Listed<'_>) {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        is_json(&out);
    };
    for event in events {
        match event {
            Event::Traded(traded) => written(&|out| streams::trade(traded, style, names, out)),
            Event::Aggregated(sum) => written(&|out| streams::aggregate(sum, style, names, out)),
            Event::TopChanged(top) => written(&|out| streams::book_ticker(top, names, out)),
            _ => {}
        }
    }
    for (_, payload) in streams::user_payloads(events.iter().cloned(), |account| account == command.account()) {
        written(&|out| payload.encode(style, names, out));
    }
}

fn is_json(out: &[u8]) {
    let read: Result<serde_json::Value, _> = serde_json::from_slice(out);
    assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(out));
}
