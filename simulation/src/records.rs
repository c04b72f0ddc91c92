//! What was asked and what was answered, with what was true at the time.

use std::cell::RefCell;

use engine::command::{Reply, Request};
use engine::failure::Refusal;

/// What somebody heard.
#[derive(Clone, Debug)]
pub enum Heard {
    Done(Reply),
    Refused(Refusal),
    /// The node died first.
    Lost,
    /// Nothing, for far longer than anything may take.
    Nothing,
}

/// A command as it was sent to a node.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Also the commit's request id.
    pub name: String,
    pub request: Request,
    /// How many moments there had been when it was sent.
    pub from: usize,
    /// With what was heard: how many there had been then.
    pub answer: Option<(usize, Heard)>,
}

/// All of them, in the order of sending.
#[derive(Debug, Default)]
pub struct Records(RefCell<Vec<Sent>>);

impl Records {
    /// Answers its place.
    pub fn sent(&self, sent: Sent) -> usize {
        let mut all = self.0.borrow_mut();
        all.push(sent);
        all.len() - 1
    }

    /// What came back.
    pub fn heard(&self, place: usize, moments: usize, heard: Heard) {
        if let Some(sent) = self.0.borrow_mut().get_mut(place) {
            sent.answer = Some((moments, heard));
        }
    }

    #[must_use]
    pub fn all(&self) -> Vec<Sent> {
        self.0.borrow().clone()
    }
}
