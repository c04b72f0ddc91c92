//! The OpenAPI 3.1 document, made from the handlers and the routes' access rules, and the pages to
//! browse it.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, RefOr, ResponseBuilder, schema::Components,
};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::auth::access::AccessRule;
use crate::once::Keeper;
use crate::problem::{Document, MEDIA_TYPE};
use crate::routes::{self, Documented, Route};
use crate::web_app::page_headers;

/// Where the document is.
const DOCUMENT: &str = "/api/openapi.json";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // Strings, numbers and lists: writing them as JSON cannot fail.
    serde_json::to_string(&build()).unwrap_or_default()
});

/// The document as a value.
#[must_use]
pub fn build() -> OpenApi {
    let mut document = Documented::openapi();
    document.info = InfoBuilder::new()
        .title("DentiCloud")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    let components = document.components.get_or_insert_with(Components::default);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    components
        .schemas
        .insert(Document::name().into_owned(), Document::schema());
    let mut nested = Vec::new();
    Document::schemas(&mut nested);
    for (name, schema) in nested {
        components.schemas.entry(name).or_insert(schema);
    }
    document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(
        "bearer",
        [],
    )]);
    for route in routes::ALL {
        if let Some(operation) = operation(&mut document, route) {
            describe(operation, route.rule);
            if route.keeper != Keeper::Nobody {
                take_key(operation);
            }
        }
    }
    document
}

fn operation<'a>(document: &'a mut OpenApi, route: &Route) -> Option<&'a mut Operation> {
    let path = document.paths.paths.get_mut(route.path)?;
    match route.method {
        "get" => path.get.as_mut(),
        "post" => path.post.as_mut(),
        "patch" => path.patch.as_mut(),
        "put" => path.put.as_mut(),
        "delete" => path.delete.as_mut(),
        _ => None,
    }
}

/// What is the same for every operation: who may, and how errors look.
fn describe(operation: &mut Operation, rule: AccessRule) {
    operation.security = (!rule.wants_token()).then(Vec::new);
    let about = operation.description.get_or_insert_default();
    if !about.is_empty() {
        about.push_str("\n\n");
    }
    about.push_str(&format!("For {rule}."));
    let mut problem = |status: &str, description: &str| {
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(
                Document::name(),
            ))))
            .build();
        let response = ResponseBuilder::new()
            .description(description)
            .content(MEDIA_TYPE, content)
            .build();
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert(RefOr::T(response));
    };
    problem("default", "What went wrong (RFC 9457)");
    if rule.wants_token() {
        problem("401", "`unauthorized`: no token, or none that counts");
    }
    match rule {
        AccessRule::Public | AccessRule::Secret(_) | AccessRule::SignedIn => {}
        AccessRule::Changes(_) => problem("403", "`forbidden` or `suspended`"),
        _ => problem("403", "`forbidden`"),
    }
}

/// A change that may be sent again.
fn take_key(operation: &mut Operation) {
    const KEY: &str = "Idempotency-Key";
    let parameters = operation.parameters.get_or_insert_default();
    let known = |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.name == KEY);
    if parameters.iter().any(known) {
        return;
    }
    parameters.push(RefOr::T(
        ParameterBuilder::new()
            .name(KEY)
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "1 to 255 characters. The same request again is answered as the first time, with \
                 `Idempotent-Replay: true`; another one with the same key is 422 \
                 `idempotency_mismatch`. Kept for 24 hours at least.",
            ))
            .schema(Some(String::schema()))
            .build(),
    ));
}

const DESCRIPTION: &str = "A real-time scheduling engine for dental practices.\n\n\
    Sign in at `/auth/login` and send `Authorization: Bearer <accessToken>`; who works in several \
    practices names one in `X-Tenant-Id`. Lists are paged: `limit` (at most 200) and the `cursor` \
    that the page before gave as `nextCursor`. Errors are RFC 9457 problems with a stable `code`; \
    another practice's row is 404. `X-Request-Id` is accepted and answered.";

/// The API as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "operations",
    responses((status = 200, content_type = "application/json", description = "The document")))]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(TEXT.as_str())
}

/// Swagger UI below `/api/docs`, over the document.
pub(crate) fn pages(services: &mut ServiceConfig) {
    services
        .service(web::redirect("/api/docs", "/api/docs/"))
        .service(
            web::scope("/api/docs")
                .wrap(page_headers(DOCS_POLICY))
                .service(SwaggerUi::new("/{_:.*}").config(Config::from(DOCUMENT))),
        );
}

/// Swagger UI sets styles from its scripts and draws icons from data.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'none'";
