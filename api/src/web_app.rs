//! The web app's files, inside the binary: pages below `/app`, each path without a file of its own
//! is the app's page. Without a built web app everything here is 404.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web/build"]
#[allow_missing = true]
struct Files;

const PAGE: &str = "index.html";
/// The bundler puts a hash into the names below this folder.
const HASHED: &str = "_app/immutable/";

/// The page's own inline scripts are allowed by hash, nothing comes from elsewhere.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let page = Files::get(PAGE).map(|file| file.data);
    let page = page.as_deref().map(String::from_utf8_lossy);
    let hashes: String = inline_scripts(page.as_deref().unwrap_or_default())
        .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect();
    format!(
        "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
});

pub(crate) fn configure(services: &mut ServiceConfig) {
    services
        .service(web::Redirect::new("/", "/app/").using_status_code(StatusCode::FOUND))
        .service(web::redirect("/app", "/app/"))
        .service(web::resource("/app/{path:.*}").get(file).head(file))
        // Addresses that are told to people: pages of the same app, below its own.
        .service(
            web::resource("/{place:my|book}/{path:.*}")
                .get(moved)
                .head(moved),
        );
}

/// What stands behind `#` goes along: the browser keeps it.
async fn moved(path: web::Path<(String, String)>) -> HttpResponse {
    let (place, path) = path.into_inner();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_/".contains(letter);
    if !path.chars().all(plain) || path.contains("//") {
        return actix_web::ResponseError::error_response(&Problem::not_found());
    }
    HttpResponse::Found()
        .insert_header((header::LOCATION, format!("/app/{place}/{path}")))
        .finish()
}

/// Headers of pages for people.
pub(crate) fn page_headers(policy: &'static str) -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::CONTENT_SECURITY_POLICY, policy))
        .add((header::CACHE_CONTROL, "no-cache"))
}

async fn file(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let path = path.into_inner();
    let (name, found) = match Files::get(&path) {
        Some(found) => (path.as_str(), found),
        // A page of the app; a missing script is missing, or the browser would read the page as one.
        None if !path.starts_with("_app/") => {
            (PAGE, Files::get(PAGE).ok_or_else(Problem::not_found)?)
        }
        None => return Err(Problem::not_found()),
    };
    Ok(answer(&request, name, found))
}

fn answer(request: &HttpRequest, name: &str, found: EmbeddedFile) -> HttpResponse {
    let tag = EntityTag::new_strong(STANDARD.encode(found.metadata.sha256_hash()));
    let mut answer = if matches(request, &tag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header(header::ETag(tag))
        .insert_header((
            header::CACHE_CONTROL,
            if name.starts_with(HASHED) {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
        ))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .content_type(mime_guess::from_path(name).first_or_octet_stream());
    answer.body(found.data)
}

fn matches(request: &HttpRequest, tag: &EntityTag) -> bool {
    request
        .headers()
        .get(header::IF_NONE_MATCH)
        .map(HeaderValue::to_str)
        .and_then(Result::ok)
        .is_some_and(|known| {
            known.split(',').any(|one| {
                one.trim()
                    .parse::<EntityTag>()
                    .is_ok_and(|one| one.weak_eq(tag))
            })
        })
}

/// The texts of `<script>` elements without attributes, as a browser hashes them.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</script>"))
        .map(|(script, _)| script)
}

#[cfg(test)]
mod tests {
    use super::inline_scripts;

    #[test]
    fn inline_scripts_are_found_to_the_letter() {
        let page = "<head><script src=\"a.js\"></script></head><script>\n\tgo();\n</script>";
        assert_eq!(inline_scripts(page).collect::<Vec<_>>(), ["\n\tgo();\n"]);
    }
}
