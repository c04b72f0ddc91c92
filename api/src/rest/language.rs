//! Which language somebody reads: what their client asks for, or else the practice's own.

use actix_web::HttpRequest;
use actix_web::http::header;

/// A language that names are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Spanish,
    English,
}

impl Language {
    /// Of `Accept-Language` (RFC 9110, 12.5.4), or of the practice's `locale`.
    #[must_use]
    pub fn of(request: &HttpRequest, locale: &str) -> Self {
        request
            .headers()
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(preferred)
            .unwrap_or_else(|| Self::named(locale))
    }

    /// Of a `locale` as the database has it.
    #[must_use]
    pub fn named(locale: &str) -> Self {
        match locale {
            "en" => Self::English,
            _ => Self::Spanish,
        }
    }

    /// As the database has it.
    #[must_use]
    pub fn locale(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }

    /// The name in this language, or in the other where it has none.
    #[must_use]
    pub fn pick(self, spanish: &str, english: &str) -> String {
        let (first, second) = match self {
            Self::Spanish => (spanish, english),
            Self::English => (english, spanish),
        };
        if first.is_empty() { second } else { first }.to_owned()
    }
}

fn preferred(accepted: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("es") => Language::Spanish,
            Some("en") => Language::English,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        if quality > 0.0 && best.is_none_or(|(known, _)| quality > known) {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::{Language, preferred};

    #[test]
    fn the_preferred_language_that_we_have() {
        for (accepted, language) in [
            ("es-EC,es;q=0.9,en;q=0.8", Some(Language::Spanish)),
            ("en;q=0.4, es;q=0.7", Some(Language::Spanish)),
            ("fr, EN-us;q=0.5", Some(Language::English)),
            ("fr, *;q=0.1", None),
            ("en;q=0", None),
            ("", None),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted}");
        }
        assert_eq!(Language::English.pick("Corona", ""), "Corona");
    }
}
