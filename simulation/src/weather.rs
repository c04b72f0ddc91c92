//! What goes wrong in a history, and how often, by seed. In one of four nothing does.

use std::time::Duration;

use crate::dice::Dice;

/// How often things go wrong, in per cent, and how long they take.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Whether nothing at all is to go wrong.
    pub calm: bool,
    /// The longest way to the database or back, in milliseconds.
    pub way_ms: u64,
    /// A way that takes much longer.
    pub slow: u64,
    /// A read that gets no answer.
    pub unread: u64,
    /// A batch that is refused although nothing is wrong with it.
    pub refused: u64,
    /// A batch whose transaction breaks before COMMIT.
    pub broken: u64,
    /// A batch whose COMMIT gets no answer.
    pub unanswered: u64,
    /// Messages between nodes: lost, told twice.
    pub lost: u64,
    pub repeated: u64,
    /// The longest way of such a message, in milliseconds: they overtake each other.
    pub bus_ms: u64,
    /// How many disasters come upon the nodes.
    pub disasters: usize,
    /// Whether actors panic. Their reservations are gone then, and two that overlap may reach the
    /// database, whose constraint is for that.
    pub panics: bool,
    /// How often rules change.
    pub rule_changes: usize,
}

impl Weather {
    /// That of a seed.
    #[must_use]
    pub fn new(dice: &mut Dice) -> Self {
        let calm = dice.chance(25);
        let sometimes = |dice: &mut Dice, most: u64| match calm || dice.chance(40) {
            true => 0,
            false => dice.between(1, most),
        };
        Self {
            calm,
            way_ms: dice.between(1, 40),
            slow: sometimes(dice, 5),
            unread: sometimes(dice, 4),
            refused: sometimes(dice, 10),
            broken: sometimes(dice, 10),
            unanswered: sometimes(dice, 25),
            lost: sometimes(dice, 60),
            repeated: sometimes(dice, 60),
            bus_ms: dice.between(1, 400),
            disasters: sometimes(dice, 5) as usize,
            panics: !calm && dice.chance(30),
            rule_changes: dice.below(6),
        }
    }

    /// How long one way to the database takes.
    pub fn way(&self, dice: &mut Dice) -> Duration {
        let usual = dice.between(0, self.way_ms);
        let slow = dice.chance(self.slow);
        Duration::from_millis(if slow {
            usual + dice.between(100, 1500)
        } else {
            usual
        })
    }

    /// What becomes of a batch.
    pub fn fate(&self, dice: &mut Dice) -> Fate {
        if dice.chance(self.refused) {
            return Fate::Refused;
        }
        if dice.chance(self.broken) {
            return Fate::Broken {
                lingers: Duration::from_millis(dice.between(0, 300)),
            };
        }
        if dice.chance(self.unanswered) {
            return Fate::Unanswered {
                applied: dice.chance(60),
                // Sometimes the server goes on long after the client has given up.
                lingers: Duration::from_millis(dice.between(0, 600)),
            };
        }
        Fate::Answered
    }
}

/// What becomes of a batch that the database would accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// As an overlap would be.
    Refused,
    /// The connection breaks before COMMIT is sent; the server notices after a while.
    Broken {
        lingers: Duration,
    },
    /// The connection breaks once COMMIT is sent. The server gets to it after a while, if at all.
    Unanswered {
        applied: bool,
        lingers: Duration,
    },
}
