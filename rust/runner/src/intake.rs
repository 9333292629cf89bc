//! Requests that have come in, until the engine's thread takes them.

use std::collections::VecDeque;

use crate::request::Request;

/// Requests in the order in which they came, in parts that are handed on as they are: a request is large to be moved.
#[derive(Default)]
pub(crate) struct Intake {
    /// At most the last one is empty: its memory waits for the next requests.
    parts: VecDeque<VecDeque<Request>>,
}

impl Intake {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(VecDeque::len).sum()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.front().is_none_or(VecDeque::is_empty)
    }

    /// Adds one.
    pub(crate) fn push(&mut self, request: Request) {
        match self.parts.back_mut() {
            Some(last) => last.push_back(request),
            None => self.parts.push_back(VecDeque::from([request])),
        }
    }

    /// Adds several.
    pub(crate) fn push_all(&mut self, requests: VecDeque<Request>) {
        match self.parts.back_mut() {
            _ if requests.is_empty() => {}
            Some(last) if last.is_empty() => *last = requests,
            _ => self.parts.push_back(requests),
        }
    }

    /// Moves requests into `queue`, if that is empty, as many as came in one part. The queue's memory is used again.
    pub(crate) fn refill(&mut self, queue: &mut VecDeque<Request>) {
        if let Some(first) = self.parts.front_mut().filter(|_| queue.is_empty()) {
            std::mem::swap(queue, first);
            if self.parts.len() > 1 {
                self.parts.pop_front();
            }
        }
    }

    /// Takes all that there are.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Request> + use<> {
        std::mem::take(&mut self.parts).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agio_engine::units::Micros;

    fn request(token: u64) -> Request {
        Request { token, command: None, deadline: Micros(0), reply: Box::new(|_, _| unreachable!()) }
    }

    fn taken(intake: &mut Intake) -> Vec<u64> {
        let (mut queue, mut tokens) = (VecDeque::new(), Vec::new());
        while !intake.is_empty() {
            intake.refill(&mut queue);
            assert!(!queue.is_empty(), "what is there is handed on");
            let part = queue.len();
            intake.refill(&mut queue);
            assert_eq!(queue.len(), part, "nothing is added to requests that wait");
            tokens.extend(queue.drain(..).map(|request| request.token));
        }
        tokens
    }

    #[test]
    fn requests_leave_in_the_order_in_which_they_came() {
        let mut intake = Intake::default();
        for _ in 0..3 {
            intake.push(request(0));
            intake.push_all((1..4).map(request).collect());
            intake.push(request(4));
            intake.push_all((5..7).map(request).collect());
            intake.push_all(VecDeque::new());
            intake.push_all(VecDeque::from([request(7)]));
            assert_eq!((intake.len(), intake.is_empty()), (8, false));
            assert_eq!(taken(&mut intake), (0..8).collect::<Vec<_>>());
            assert_eq!((intake.len(), intake.is_empty(), intake.parts.len()), (0, true, 1));
            intake.push_all((0..2).map(request).collect());
            assert_eq!(taken(&mut intake), [0, 1]);
        }
        intake.push_all((0..2).map(request).collect());
        intake.push_all((2..4).map(request).collect());
        assert_eq!(intake.drain().map(|request| request.token).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(intake.is_empty());
    }
}
