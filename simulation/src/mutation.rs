//! Ways to break what the promises rest on, one at a time: the simulation must notice each.

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The commit does not compare the calendars' versions.
    NoVersionFence,
    /// Calendars are asked in another order by every other command.
    NoOrderedReservation,
    /// Nobody waits for what is reserved and not settled.
    NoTentativeWait,
    /// The commit does not compare the rules' versions.
    NoRulesVersion,
    /// A COMMIT without an answer is taken for one that failed.
    NoInDoubtCheck,
    /// A key may be used again.
    NoKeys,
    /// A refusal leaves although the database knows better.
    NoSecondLook,
}

impl Mutation {
    pub const ALL: [Self; 7] = [
        Self::NoVersionFence,
        Self::NoOrderedReservation,
        Self::NoTentativeWait,
        Self::NoRulesVersion,
        Self::NoInDoubtCheck,
        Self::NoKeys,
        Self::NoSecondLook,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoVersionFence => "no-version-fence",
            Self::NoOrderedReservation => "no-ordered-reservation",
            Self::NoTentativeWait => "no-tentative-wait",
            Self::NoRulesVersion => "no-rules-version",
            Self::NoInDoubtCheck => "no-in-doubt-check",
            Self::NoKeys => "no-keys",
            Self::NoSecondLook => "no-second-look",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What of it is in the engine; the rest is in the simulated store.
    #[must_use]
    pub fn in_engine(self) -> Option<engine::simulated::Mutation> {
        match self {
            Self::NoOrderedReservation => Some(engine::simulated::Mutation::NoOrderedReservation),
            Self::NoTentativeWait => Some(engine::simulated::Mutation::NoTentativeWait),
            _ => None,
        }
    }
}
