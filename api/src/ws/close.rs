//! Why the server closes a socket. The code tells the client whether to come back: 40xx not
//! unchanged, 41xx after a while, 42xx at once.

/// A reason to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// No token, a bad one, or one that has ended.
    BadToken,
    Forbidden,
    TooManyBadFrames,
    /// There are too many sessions: of everybody, of this account, from this address.
    Overloaded,
    /// The client does not read what it is sent.
    TooSlow,
    /// The server shuts down.
    Draining,
    /// Nothing was heard of the client.
    NoPong,
    /// The client closed, or its connection broke.
    Gone,
}

impl Close {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::BadToken => 4001,
            Self::Forbidden => 4003,
            Self::TooManyBadFrames => 4008,
            Self::Overloaded => 4101,
            Self::TooSlow => 4102,
            Self::Draining => 4201,
            Self::NoPong => 4203,
            Self::Gone => 1000,
        }
    }

    /// The words beside it, for who reads logs.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadToken => "bad or expired token",
            Self::Forbidden => "forbidden",
            Self::TooManyBadFrames => "too many bad frames",
            Self::Overloaded => "overloaded",
            Self::TooSlow => "too slow",
            Self::Draining => "draining",
            Self::NoPong => "no pong",
            Self::Gone => "bye",
        }
    }
}
