//! The OpenAPI 3.1 document, made from the handlers, and the pages to browse it.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, RefOr, ResponseBuilder, schema::Components,
};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::problem::{Document, MEDIA_TYPE};
use crate::routes::Documented;
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
    for path in document.paths.paths.values_mut() {
        for operation in [
            &mut path.get,
            &mut path.post,
            &mut path.patch,
            &mut path.put,
            &mut path.delete,
        ]
        .into_iter()
        .flatten()
        {
            let problem = ResponseBuilder::new()
                .description("What went wrong (RFC 9457)")
                .content(
                    MEDIA_TYPE,
                    ContentBuilder::new()
                        .schema(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(
                            Document::name(),
                        ))))
                        .build(),
                )
                .build();
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem));
        }
    }
    document
}

const DESCRIPTION: &str = "A real-time scheduling engine for dental practices.\n\n\
    Sign in at `/auth/login` and send `Authorization: Bearer <accessToken>`; who works in several \
    practices names one in `X-Tenant-Id`. Lists are paged: `limit` (at most 200) and the `cursor` \
    that the page before gave as `nextCursor`. Errors are RFC 9457 problems with a stable `code`; \
    another practice's row is 404. `X-Request-Id` is accepted and answered.";

/// The API as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "operations", security(()),
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
