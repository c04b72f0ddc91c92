//! What keeps the engine from answering, through no fault of the caller's.

use crate::scheduling::rejection::Rejection;

/// The engine's own trouble. Details are logged where they happen, never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too much is going on: ask again in a moment. Nothing has been done.
    #[error("busy")]
    Busy,
    /// The command may or may not take effect: ask again with the same key.
    #[error("the outcome is not known yet")]
    OutcomeUnknown,
    /// The database cannot be reached. Nothing has been done.
    #[error("the database cannot be reached")]
    Unavailable,
    /// Something that must not happen has.
    #[error("internal error")]
    Internal,
}

impl Failure {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy | Self::Unavailable => "busy",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Internal => "internal",
        }
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        tracing::error!(%error, "database");
        Self::Unavailable
    }
}

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The caller's to mend.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Ours.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}
