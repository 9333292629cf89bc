//! What one sync makes durable.

use agio_journal::Frame;
use agio_planted::{Bug, planted};

use crate::sequencer::{GROUP, Group};

/// Most commands and queries that one sync makes wait: several groups, for a disk that is slower than the engine.
const MOST: usize = 4 * GROUP;

/// Groups whose records share a frame: those that the engine's thread has handed over since the disk took the last.
#[derive(Debug, Default)]
pub struct Commit {
    /// The records of all groups; `None` if there are only queries.
    pub frame: Option<Frame>,
    /// What may be seen once they are durable, in the log's order.
    pub groups: Vec<Group>,
    /// Commands and queries of all of them. Kept, because on a slow disk there may be thousands of groups.
    served: usize,
}

/// How large a group is that has not been handed over.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Commands and queries.
    pub served: usize,
    /// The frame's size.
    pub bytes: usize,
    /// The largest frame that there may be, in bytes.
    pub limit: usize,
}

impl Commit {
    /// Whether there is nothing to write and nothing to say.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether a group of this size may come along.
    pub fn takes(&self, load: Load) -> bool {
        let bytes = self.frame.as_ref().map_or(0, Frame::size);
        self.is_empty() || (self.served + load.served <= MOST && bytes + load.bytes <= load.limit)
    }

    /// Adds a group that it takes. Answers a frame's memory if that is free now.
    pub fn add(&mut self, mut group: Group) -> Option<Frame> {
        let later = group.frame.take();
        self.served += group.served;
        self.groups.push(group);
        match &mut self.frame {
            Some(frame) => later.inspect(|later| {
                if !planted(Bug::LaterGroupNotWritten) {
                    frame.append(later);
                }
            }),
            frame => {
                *frame = later;
                None
            }
        }
    }

    /// Whom it was to answer, or to tell that a command broke the engine.
    pub fn tokens(&self) -> impl Iterator<Item = u64> {
        self.groups.iter().flat_map(|group| {
            let lost = group.poisoned.iter().flat_map(|poisoned| poisoned.lost.iter().copied());
            group.answers.iter().map(|answer| answer.token).chain(lost)
        })
    }
}
