//! What the options of several scenarios have in common: how large the city is, and at which rate it
//! lives.

use std::str::FromStr;

use clap::Args;

use crate::Outcome;
use crate::pace::Rate;
use crate::report::Summary;
use crate::seed::Size;

/// Patients of each practice.
const PATIENTS: u64 = 20;

/// Practices, and what is asked of them.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// Practices
    #[arg(long, default_value_t = 50)]
    pub tenants: u64,
    /// Dentists, and operatories, of each practice
    #[arg(long, default_value_t = 2)]
    pub dentists: u64,
    /// Seconds before, that are not measured; half-way the database looks at how its tables have
    /// grown
    #[arg(long, default_value_t = 5)]
    pub warm_up: u64,
    /// `max`, or commands a second at random times, whatever the answers, or `half`: first `max`,
    /// then half of what that came to
    #[arg(long, default_value = "half")]
    pub rate: Speed,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            tenants: 50,
            dentists: 2,
            warm_up: 5,
            rate: Speed::Half,
        }
    }
}

impl Load {
    /// The city's size.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            tenants: self.tenants.max(1),
            dentists: self.dentists.max(1),
            patients: PATIENTS,
        }
    }
}

/// Clients of the server.
#[derive(Args, Clone, Debug)]
pub struct Swarm {
    /// Connections, each with one command at a time. Client n works for practice n, then again from
    /// the first: to work in all of them there must be as many clients
    #[arg(long, default_value_t = 64)]
    pub clients: u64,
    /// Over REST instead of WebSocket
    #[arg(long)]
    pub rest: bool,
    /// Give every change an idempotency key
    #[arg(long)]
    pub keys: bool,
    /// Practices that somebody follows meanwhile, all their calendars
    #[arg(long, default_value_t = 4)]
    pub followers: u64,
}

impl Default for Swarm {
    fn default() -> Self {
        Self {
            clients: 64,
            rest: false,
            keys: false,
            followers: 4,
        }
    }
}

/// A rate, or how to find it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    At(Rate),
    /// Half of what can be done at most.
    Half,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "half" => Ok(Self::Half),
            _ => text.parse().map(Self::At).map_err(|_| {
                "`max`, `half` (of what that came to), or commands per second".to_owned()
            }),
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(rate) => rate.fmt(f),
            Self::Half => f.write_str("half"),
        }
    }
}

impl Speed {
    /// The rate; where it is to be found, by playing at the maximum, which is told.
    ///
    /// # Errors
    /// When that cannot be played to its end.
    pub async fn find(
        self,
        at_most: impl AsyncFnOnce() -> Outcome<Summary>,
        tell: impl FnOnce(Summary),
    ) -> Outcome<Rate> {
        match self {
            Self::At(rate) => Ok(rate),
            Self::Half => {
                let summary = at_most().await?;
                let half = summary.per_second / 2.0;
                tell(summary);
                Ok(Rate::PerSecond(half.max(1.0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_a_word() {
        let parse = str::parse::<Speed>;
        assert_eq!(parse("max"), Ok(Speed::At(Rate::Max)));
        assert_eq!(parse("half"), Ok(Speed::Half));
        assert_eq!(parse("12.5"), Ok(Speed::At(Rate::PerSecond(12.5))));
        for wrong in ["", "-1", "0", "fast", "inf"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
