//! Making an account: a dentist's, with a practice that can be booked at once, or a patient's.
//!
//! A dentist is told when the address has an account: practices are public anyway. A patient is
//! not, or anybody could ask who is one (decision 0026): both get the same answer, and the mail says
//! the rest.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use chrono_tz::Tz;
use garde::Validate;
use schema::ids::{TenantId, UserId};
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::accounts::mailed::{self, Purpose};
use crate::accounts::practice::{self, NewPractice};
use crate::accounts::{self, NewAccount, OwnRecord, password_rules};
use crate::address;
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::sessions::{self, Client};
use crate::mail::{self, Letter};
use crate::problem::{FieldError, Problem};
use crate::rest::input::{Input, Unchecked, invalid};
use crate::rest::language::Language;
use crate::rest::patients::record::{
    check_date_of_birth, check_email, check_name, check_phone, international, lower_email, tidy,
};
use crate::rest::sessions::{Session, session};

/// Where a practice is that does not say so.
const ZONE_DEFAULT: &str = "America/Guayaquil";

/// An account to be made. `role` says which fields count; without it, `practiceName` makes a
/// dentist.
#[derive(Deserialize, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// `dentist` or `patient`.
    role: Option<String>,
    #[schema(example = "eva@example.com")]
    email: String,
    /// At least 10 characters, and not the address.
    #[schema(format = Password)]
    password: String,
    /// A dentist's own name.
    name: Option<String>,
    #[schema(example = "Clínica Dental Peñafiel")]
    practice_name: Option<String>,
    /// The practice's public address; made of its name without.
    #[schema(example = "penafiel")]
    subdomain: Option<String>,
    /// IANA name of the practice's time zone.
    #[schema(example = "America/Guayaquil")]
    zone: Option<String>,
    /// `es` or `en`; what the client asks for without.
    locale: Option<String>,
    /// A patient's.
    first_name: Option<String>,
    last_name: Option<String>,
    /// International, with `+` and the country's code.
    #[schema(example = "+593991234567")]
    phone: Option<String>,
    /// With it, records that practices have already are found once the address is confirmed.
    date_of_birth: Option<NaiveDate>,
}

#[derive(Validate)]
struct Dentist {
    #[garde(custom(check_email))]
    email: String,
    #[garde(custom(check_name))]
    name: String,
    #[garde(custom(check_name))]
    practice_name: String,
}

#[derive(Validate)]
struct Patient {
    #[garde(custom(check_email))]
    email: String,
    #[garde(custom(check_name))]
    first_name: String,
    #[garde(custom(check_name))]
    last_name: String,
    #[garde(inner(custom(check_phone)))]
    phone: Option<String>,
    #[garde(inner(custom(check_date_of_birth)))]
    date_of_birth: Option<NaiveDate>,
}

/// What a patient is told who registers, whether the address has an account or not.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pending {
    /// `verification_sent`: the address has mail.
    status: &'static str,
}

/// Register as a dentist or as a patient.
///
/// A dentist gets a session and a practice on trial that can be booked at once. A patient gets an
/// e-mail, and signs in once its link was followed.
#[utoipa::path(post, path = "/auth/register", tag = "auth",
    request_body = Registration,
    responses((status = 201, body = Session, description = "A dentist, signed in"),
        (status = 202, body = Pending, description = "A patient: the address has mail"),
        (status = 409, description = "`email_taken` (dentists only), `subdomain_taken`"),
        (status = 429, description = "`rate_limited`")))]
pub async fn register(
    app: web::Data<App>,
    request: HttpRequest,
    Unchecked(given): Unchecked<Registration>,
) -> Result<HttpResponse, Problem> {
    let dentist = match given.role.as_deref() {
        Some("dentist") => true,
        Some("patient") => false,
        Some(_) => return Err(Problem::invalid("role", "is `dentist` or `patient`")),
        None => given.practice_name.is_some(),
    };
    let language = match given.locale.as_deref() {
        None => Language::of(&request, ""),
        Some(locale @ ("es" | "en")) => Language::named(locale),
        Some(_) => return Err(Problem::invalid("locale", "is `es` or `en`")),
    };
    password_rules::check("password", &given.password, &given.email)?;
    if dentist {
        register_dentist(&app, &request, given, language).await
    } else {
        register_patient(&app, &request, given, language).await
    }
}

async fn register_dentist(
    app: &App,
    request: &HttpRequest,
    given: Registration,
    language: Language,
) -> Result<HttpResponse, Problem> {
    let dentist = Dentist {
        email: lower_email(&given.email),
        name: required("name", given.name)?,
        practice_name: required("practiceName", given.practice_name)?,
    };
    dentist.validate().map_err(|report| invalid(&report))?;
    let zone: Tz = given
        .zone
        .as_deref()
        .unwrap_or(ZONE_DEFAULT)
        .parse()
        .map_err(|_| Problem::invalid("zone", "is no time zone like America/Guayaquil"))?;
    if let Some(subdomain) = &given.subdomain {
        practice::check_subdomain(subdomain)?;
    }
    app.throttle.register(address::of(request))?;
    let hash = app.passwords.hash(given.password).await?;
    let (user, tenant) = (UserId::new(), TenantId::new());
    let (name, practice_name) = (tidy(&dentist.name), tidy(&dentist.practice_name));
    // Nobody's token allows this: the program acts for a practice that is about to be, and makes
    // the clinic that a super admin would.
    let access = Access {
        tenants: vec![tenant],
        user: Some(user),
        super_admin: true,
    };
    let started =
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            let subdomain = match given.subdomain {
                Some(subdomain) => subdomain,
                None => practice::free_subdomain(connection, &practice_name).await?,
            };
            let account = NewAccount {
                id: user,
                email: &dentist.email,
                name: &name,
                password_hash: Some(&hash),
                language,
                verified: false,
            };
            accounts::create(connection, &account).await.map_err(
                |error| match accounts::violates(&error, "users_email_key") {
                    true => taken("email_taken", "This address has an account: sign in."),
                    false => error.into(),
                },
            )?;
            let new = NewPractice {
                tenant,
                owner: user,
                owner_name: &name,
                name: &practice_name,
                subdomain: &subdomain,
                zone,
                language,
            };
            practice::create(connection, &new).await.map_err(|error| {
                match accounts::violates(&error, "tenants_subdomain_key") {
                    true => taken("subdomain_taken", "Another practice has this subdomain."),
                    false => Problem::from(error),
                }
            })?;
            let url = &app.config.public_url;
            let letter = Letter::VerifyEmail {
                name: name.clone(),
                link: mailed::link(connection, url, user, Purpose::VerifyEmail).await?,
            };
            mail::queue(connection, &dentist.email, language, &letter).await?;
            let who = Who::user(user).in_tenant(tenant);
            let entry = Entry::new("tenant.registered").on(tenant);
            let entry = entry.after(json!({ "name": practice_name, "subdomain": subdomain }));
            audit::record(connection, who, entry).await?;
            sessions::start_in(app, connection, user, &Client::of(request)).await
        })
        .await?;
    app.mail.wake();
    let session = session(app, started).await?;
    Ok(HttpResponse::Created().json(session.into_inner()))
}

async fn register_patient(
    app: &App,
    request: &HttpRequest,
    given: Registration,
    language: Language,
) -> Result<HttpResponse, Problem> {
    let patient = Patient {
        email: lower_email(&given.email),
        first_name: required("firstName", given.first_name)?,
        last_name: required("lastName", given.last_name)?,
        phone: given.phone,
        date_of_birth: given.date_of_birth,
    };
    patient.validate().map_err(|report| invalid(&report))?;
    let phone = patient.phone.as_deref().map(international).transpose()?;
    app.throttle.register(address::of(request))?;
    // Before it is known whether there is an account: both ways cost the same.
    let hash = app.passwords.hash(given.password).await?;
    let (first, last) = (tidy(&patient.first_name), tidy(&patient.last_name));
    let known = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        accounts::by_email(connection, &patient.email).await
    })
    .await?;
    let user = known.as_ref().map_or_else(UserId::new, |known| known.id);
    let access = Access {
        // A person's calendar belongs to no practice; the program makes it for them.
        super_admin: known.is_none(),
        ..Access::user(user)
    };
    let url = &app.config.public_url;
    let queued = tenancy::transaction(&app.app_pool, &access, async |connection| {
        let letter = if known.is_some() {
            let owner = accounts::owner(connection, user).await?;
            if app
                .throttle
                .letter(&patient.email, address::of(request))
                .is_err()
            {
                // Told to nobody: only this address's owner could know.
                return Ok::<_, Problem>(());
            }
            let name = owner.name.clone();
            let (language, letter) = match owner.email_verified_at {
                Some(_) => {
                    let link = format!("{url}/app/forgot-password");
                    (owner.language(), Letter::AccountExists { name, link })
                }
                // They come back to it, or somebody else was first with their address: the last
                // registration counts, and so does only its link.
                None => {
                    accounts::register_again(connection, user, &format!("{first} {last}"), &hash)
                        .await?;
                    let link = mailed::link(connection, url, user, Purpose::VerifyEmail).await?;
                    (owner.language(), Letter::VerifyEmail { name, link })
                }
            };
            return Ok(mail::queue(connection, &patient.email, language, &letter).await?);
        } else {
            let name = format!("{first} {last}");
            let account = NewAccount {
                id: user,
                email: &patient.email,
                name: &name,
                password_hash: Some(&hash),
                language,
                verified: false,
            };
            accounts::create(connection, &account).await?;
            let record = OwnRecord {
                user,
                first_name: &first,
                last_name: &last,
                email: &patient.email,
                phone: phone.as_deref(),
                date_of_birth: patient.date_of_birth,
            };
            accounts::create_record(connection, &record).await?;
            let entry = Entry::new("account.registered").on(user);
            audit::record(connection, Who::user(user), entry).await?;
            Letter::VerifyEmail {
                name: first.clone(),
                link: mailed::link(connection, url, user, Purpose::VerifyEmail).await?,
            }
        };
        Ok(mail::queue(connection, &patient.email, language, &letter).await?)
    })
    .await;
    match queued {
        Ok(()) => app.mail.wake(),
        // Registered twice at once: the other one sends the mail.
        Err(problem)
            if problem
                .cause()
                .is_some_and(|cause| cause.contains("users_email_key")) => {}
        Err(problem) => return Err(problem),
    }
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(Pending {
        status: "verification_sent",
    }))
}

fn required(field: &str, value: Option<String>) -> Result<String, Problem> {
    value.ok_or_else(|| {
        Problem::validation(vec![FieldError {
            field: field.to_owned(),
            message: "is missing".to_owned(),
        }])
    })
}

fn taken(code: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail)
}

/// A secret out of a mail.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct MailedToken {
    #[garde(length(bytes, min = 1, max = 512))]
    token: String,
}

impl MailedToken {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

/// An address.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a person
pub struct Address {
    #[garde(length(bytes, min = 1, max = 254))]
    #[schema(example = "eva@example.com")]
    email: String,
}

/// Confirm an e-mail address with the secret that was mailed to it.
#[utoipa::path(post, path = "/auth/verify-email", tag = "auth",
    request_body = MailedToken,
    responses((status = 204, description = "It is confirmed"),
        (status = 422, description = "The token is unknown, used or too old")))]
pub async fn verify_email(
    app: web::Data<App>,
    Input(given): Input<MailedToken>,
) -> Result<HttpResponse, Problem> {
    let mailed = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        mailed::find(connection, &given.token, Purpose::VerifyEmail).await
    })
    .await?;
    let user = mailed.user_id;
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        mailed::use_up(connection, mailed).await?;
        accounts::verified(connection, user).await?;
        let entry = Entry::new("account.verified").on(user);
        audit::record(connection, Who::user(user), entry).await
    })
    .await?;
    app.rights_changed(user);
    Ok(HttpResponse::NoContent().finish())
}

/// Have the link to confirm an address sent again. The answer is the same for every address.
#[utoipa::path(post, path = "/auth/resend-verification", tag = "auth",
    request_body = Address,
    responses((status = 202, description = "If it waits to be confirmed, the address has mail"),
        (status = 429, description = "`rate_limited`")))]
pub async fn resend_verification(
    app: web::Data<App>,
    request: HttpRequest,
    Input(given): Input<Address>,
) -> Result<HttpResponse, Problem> {
    app.throttle.letter(&given.email, address::of(&request))?;
    letter(&app, &given.email, Purpose::VerifyEmail).await
}

/// Have a link for a new password sent. The answer is the same for every address.
#[utoipa::path(post, path = "/auth/forgot-password", tag = "auth",
    request_body = Address,
    responses((status = 202, description = "If it has an account, the address has mail"),
        (status = 429, description = "`rate_limited`")))]
pub async fn forgot_password(
    app: web::Data<App>,
    request: HttpRequest,
    Input(given): Input<Address>,
) -> Result<HttpResponse, Problem> {
    app.throttle.letter(&given.email, address::of(&request))?;
    letter(&app, &given.email, Purpose::ResetPassword).await
}

/// Mails the account's owner, if there is one, and says nothing of it.
async fn letter(app: &App, email: &str, purpose: Purpose) -> Result<HttpResponse, Problem> {
    let email = lower_email(email);
    let known = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        accounts::by_email(connection, &email).await
    })
    .await?;
    if let Some(known) = known {
        let access = Access::user(known.id);
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            let owner = accounts::owner(connection, known.id).await?;
            if purpose == Purpose::VerifyEmail && owner.email_verified_at.is_some() {
                return Ok(());
            }
            let link = mailed::link(connection, &app.config.public_url, known.id, purpose).await?;
            let name = owner.name.clone();
            let letter = match purpose {
                Purpose::ResetPassword => Letter::ResetPassword { name, link },
                Purpose::VerifyEmail | Purpose::ChangeEmail => Letter::VerifyEmail { name, link },
            };
            mail::queue(connection, &owner.email, owner.language(), &letter).await?;
            Ok::<_, Problem>(())
        })
        .await?;
        app.mail.wake();
    }
    Ok(HttpResponse::Accepted().finish())
}
