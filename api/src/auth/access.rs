//! Who may use a route or a frame. Every line of `routes.rs` and of `ws/kinds.rs` names one of these
//! rules; it is enforced from there, before the handler runs, told in the OpenAPI document and in
//! `docs/PERMISSIONS.md`, and walked by `api/tests/http/walk`.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use crate::auth::permissions::Permission;
use crate::auth::principal::{Member, Principal};
use crate::problem::Problem;

/// What is asked of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRule {
    /// Nothing.
    Public,
    /// The secret that the path (or the body) carries: whoever has it may. Its parameter's name.
    Secret(&'static str),
    /// A token that counts, whoever it stands for.
    SignedIn,
    /// A membership in the practice at work in, whatever it allows.
    Member,
    /// A membership with the permission.
    Reads(Permission),
    /// A membership with the permission, in a practice that is not suspended.
    Changes(Permission),
    /// On a socket of a practice's public page: anybody. On a member's: as [`Self::Changes`].
    Visitor(Permission),
    /// An account that a patient's record belongs to.
    Patient,
    /// A super admin.
    SuperAdmin,
}

/// The rules as `routes!` and `kinds!` write them.
macro_rules! access_rule {
    (public) => {
        $crate::auth::access::AccessRule::Public
    };
    (secret($parameter:ident)) => {
        $crate::auth::access::AccessRule::Secret(stringify!($parameter))
    };
    (signed_in) => {
        $crate::auth::access::AccessRule::SignedIn
    };
    (member) => {
        $crate::auth::access::AccessRule::Member
    };
    (reads($permission:ident)) => {
        $crate::auth::access::AccessRule::Reads($crate::auth::permissions::Permission::$permission)
    };
    (changes($permission:ident)) => {
        $crate::auth::access::AccessRule::Changes(
            $crate::auth::permissions::Permission::$permission,
        )
    };
    (visitor($permission:ident)) => {
        $crate::auth::access::AccessRule::Visitor(
            $crate::auth::permissions::Permission::$permission,
        )
    };
    (patient) => {
        $crate::auth::access::AccessRule::Patient
    };
    (super_admin) => {
        $crate::auth::access::AccessRule::SuperAdmin
    };
}
pub(crate) use access_rule;

impl AccessRule {
    /// Whether a token is wanted.
    #[must_use]
    pub fn wants_token(self) -> bool {
        !matches!(self, Self::Public | Self::Secret(_) | Self::Visitor(_))
    }

    /// Whether it is asked in a practice, which `X-Tenant-Id` may have to name.
    #[must_use]
    pub fn wants_practice(self) -> bool {
        matches!(self, Self::Member | Self::Reads(_) | Self::Changes(_))
    }

    /// Whether a member may.
    ///
    /// # Errors
    /// 403 without the permission; for changes, in a suspended practice too.
    pub fn check_member(self, member: &Member) -> Result<(), Problem> {
        match self {
            Self::Reads(permission) => member.require(permission),
            Self::Changes(permission) | Self::Visitor(permission) => {
                member.require_change(permission)
            }
            Self::Patient | Self::SuperAdmin => self.check_account(&member.principal),
            Self::Public | Self::Secret(_) | Self::SignedIn | Self::Member => Ok(()),
        }
    }

    /// Whether somebody on a practice's public page may.
    ///
    /// # Errors
    /// 403 for what wants somebody who is known.
    pub fn check_visitor(self) -> Result<(), Problem> {
        if self.wants_token() {
            return Err(Problem::forbidden("Sign in for this."));
        }
        Ok(())
    }

    fn check_account(self, principal: &Principal) -> Result<(), Problem> {
        let account = principal.account()?;
        match self {
            Self::SuperAdmin if !account.super_admin => {
                Err(Problem::forbidden("This is for super admins."))
            }
            Self::Patient if !account.patient => Err(Problem::forbidden(
                "This is for patients: no record belongs to your account.",
            )),
            _ => Ok(()),
        }
    }

    /// Lets a request pass, and leaves who was found for the handler's extractors.
    async fn admit(self, request: &HttpRequest) -> Result<(), Problem> {
        if self.wants_practice() {
            let member = Member::from_request(request, &mut Payload::None).await?;
            self.check_member(&member)?;
            request.extensions_mut().insert(member);
        } else if self.wants_token() {
            let principal = Principal::from_request(request, &mut Payload::None).await?;
            self.check_account(&principal)?;
            request.extensions_mut().insert(principal);
        }
        Ok(())
    }

    /// As a middleware of one route.
    ///
    /// # Errors
    /// The handler's own: a refusal of ours is an answer.
    pub async fn guard(
        self,
        request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse, Error> {
        match self.admit(request.request()).await {
            Ok(()) => next.call(request).await,
            Err(problem) => Ok(request.error_response(problem)),
        }
    }
}

/// For people, in the documents.
impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => write!(f, "anybody"),
            Self::Secret(parameter) => write!(f, "whoever has the `{parameter}`"),
            Self::SignedIn => write!(f, "anybody who is signed in"),
            Self::Member => write!(f, "members of the practice"),
            Self::Reads(permission) => write!(f, "members with `{}`", permission.name()),
            Self::Changes(permission) => write!(
                f,
                "members with `{}`, unless the practice is suspended",
                permission.name()
            ),
            Self::Visitor(permission) => write!(
                f,
                "visitors of a practice's public page; members with `{}`",
                permission.name()
            ),
            Self::Patient => write!(f, "patients, for what is their own"),
            Self::SuperAdmin => write!(f, "super admins"),
        }
    }
}
