//! Who speaks in a session, and on whose behalf a frame is answered.

use std::net::IpAddr;

use schema::ids::TenantId;
use uuid::Uuid;

use crate::app::App;
use crate::auth::access::AccessRule;
use crate::auth::principal::{Member, Principal, member_of};
use crate::practices::{self, Practice};
use crate::problem::Problem;

/// Who has connected.
#[derive(Clone, Debug)]
pub enum Speaker {
    /// Somebody with a token, and the workspace that they picked.
    Known {
        principal: Principal,
        tenant: Option<TenantId>,
    },
    /// Somebody in front of a practice's booking page, without a token.
    Visitor(Visitor),
}

/// A public session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The session: limits count by it and by the address.
    pub session: Uuid,
    pub address: Option<IpAddr>,
    pub practice: Practice,
}

/// On whose behalf a frame is answered, with rights as they are now.
#[derive(Clone, Debug)]
pub enum Asking {
    Member(Member),
    Visitor(Visitor),
}

impl Asking {
    /// Whether a frame of that rule may be answered.
    ///
    /// # Errors
    /// 403 where it may not.
    pub fn check(&self, rule: AccessRule) -> Result<(), Problem> {
        match self {
            Self::Member(member) => rule.check_member(member),
            Self::Visitor(_) => rule.check_visitor(),
        }
    }

    /// For what only members of a practice may do.
    ///
    /// # Errors
    /// 403 for visitors.
    pub fn member(self) -> Result<Member, Problem> {
        match self {
            Self::Member(member) => Ok(member),
            Self::Visitor(_) => Err(Problem::forbidden("Sign in for this.")),
        }
    }
}

impl Speaker {
    /// The speaker as they may act now: in the workspace that the frame names, else in the
    /// session's. A visitor is in one practice, whatever a frame names.
    ///
    /// # Errors
    /// What has become of their rights; 503 without a database.
    pub async fn asking(self, app: &App, tenant: Option<TenantId>) -> Result<Asking, Problem> {
        match self {
            Self::Known {
                principal,
                tenant: own,
            } => {
                let principal = principal.again(app).await?;
                member_of(principal, tenant.or(own)).map(Asking::Member)
            }
            Self::Visitor(visitor) => {
                let practice = practices::find(app, &visitor.practice.subdomain).await?;
                Ok(Asking::Visitor(Visitor {
                    practice,
                    ..visitor
                }))
            }
        }
    }
}
