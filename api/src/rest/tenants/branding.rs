//! How a practice looks to its patients: two colours and a logo.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::{FieldError, Problem};
use crate::rest::input::nullable;

/// A logo of more bytes belongs on a server.
const LOGO_BYTES_MAX: usize = 64 * 1024;
const LOGO_ADDRESS_BYTES_MAX: usize = 2048;

/// Pictures that are no programs (an SVG may be one), with how each begins.
const PICTURES: [(&str, &[u8]); 3] = [
    ("data:image/png;base64,", b"\x89PNG\r\n\x1a\n"),
    ("data:image/jpeg;base64,", b"\xff\xd8\xff"),
    ("data:image/webp;base64,", b"RIFF"),
];

/// Colours and logo; what is absent looks as the program does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Branding {
    /// `#rrggbb`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#0f766e")]
    pub primary_color: Option<String>,
    /// `#rrggbb`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_color: Option<String>,
    /// An `https://` address, or a PNG, JPEG or WebP of at most 64 KiB as a `data:` address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
}

/// What changes of it; `null` takes the program's own again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrandingChange {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    primary_color: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    accent_color: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    logo: Option<Option<String>>,
}

impl Branding {
    /// As the database has it.
    #[must_use]
    pub fn stored(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_default()
    }

    /// With the change.
    ///
    /// # Errors
    /// 422 that names what is no colour and no logo.
    pub(super) fn with(mut self, change: BrandingChange) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut take = |field: &str,
                        target: &mut Option<String>,
                        given: Option<Option<String>>,
                        wrong: fn(&str) -> Option<&'static str>| {
            let Some(given) = given else { return };
            if let Some(message) = given.as_deref().and_then(wrong) {
                errors.push(FieldError {
                    field: format!("branding.{field}"),
                    message: message.to_owned(),
                });
            }
            *target = given;
        };
        take(
            "primaryColor",
            &mut self.primary_color,
            change.primary_color,
            wrong_colour,
        );
        take(
            "accentColor",
            &mut self.accent_color,
            change.accent_color,
            wrong_colour,
        );
        take("logo", &mut self.logo, change.logo, wrong_logo);
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(Problem::validation(errors))
        }
    }
}

fn wrong_colour(given: &str) -> Option<&'static str> {
    let digits = given.strip_prefix('#').unwrap_or_default();
    let right = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    (!right).then_some("is not a colour like #0f766e")
}

fn wrong_logo(given: &str) -> Option<&'static str> {
    if let Some(rest) = given.strip_prefix("https://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = given
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
        let right = plain && !host.is_empty() && !host.contains('@');
        return (!right || given.len() > LOGO_ADDRESS_BYTES_MAX)
            .then_some("is not an https:// address of at most 2048 bytes");
    }
    let Some((picture, begins)) = PICTURES
        .iter()
        .find_map(|(prefix, begins)| Some((given.strip_prefix(prefix)?, begins)))
    else {
        return Some("is neither an https:// address nor a PNG, JPEG or WebP as a data: address");
    };
    // Four signs are three bytes: too long is seen before it is decoded.
    if picture.len() / 4 * 3 > LOGO_BYTES_MAX + 3 {
        return Some("is a picture of more than 64 KiB");
    }
    match STANDARD.decode(picture) {
        Ok(bytes) if bytes.len() > LOGO_BYTES_MAX => Some("is a picture of more than 64 KiB"),
        Ok(bytes) if bytes.starts_with(begins) => None,
        _ => Some("is not the picture that it says it is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_six_digits() {
        for (given, right) in [
            ("#0f766e", true),
            ("#0F766E", true),
            ("#fff", false),
            ("0f766e", false),
            ("#0f766g", false),
            ("#0f766e;background:url(x)", false),
            ("#ééé", false),
            ("", false),
        ] {
            assert_eq!(wrong_colour(given).is_none(), right, "{given}");
        }
    }

    #[test]
    fn a_logo_is_a_picture_or_an_address() {
        let png = |bytes: usize| {
            let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
            picture.resize(bytes, 0);
            format!("data:image/png;base64,{}", STANDARD.encode(picture))
        };
        let liar = png(64).replace("image/png", "image/jpeg");
        for (given, right) in [
            ("https://example.com/logo.png", true),
            ("https://", false),
            ("https://me@example.com/", false),
            ("https://example.com/\"onerror", false),
            ("http://example.com/logo.png", false),
            ("javascript:alert(1)", false),
            ("data:image/svg+xml;base64,PHN2Zz4=", false),
            ("data:image/png;base64,!!!", false),
            (&*png(64), true),
            (&*png(LOGO_BYTES_MAX), true),
            (&*png(LOGO_BYTES_MAX + 1), false),
            (&*png(10 * LOGO_BYTES_MAX), false),
            (&*liar, false),
        ] {
            let shown = &given[..given.len().min(40)];
            assert_eq!(wrong_logo(given).is_none(), right, "{shown}");
        }
    }

    #[test]
    fn null_goes_back_and_the_rest_stays() {
        let branding = Branding {
            primary_color: Some("#000000".into()),
            logo: Some("https://example.com/l.png".into()),
            ..Branding::default()
        };
        let change: BrandingChange =
            serde_json::from_str(r##"{"logo":null,"accentColor":"#ffffff"}"##).unwrap();
        let changed = branding.with(change).unwrap();
        assert_eq!(changed.primary_color.as_deref(), Some("#000000"));
        assert_eq!(
            (changed.accent_color.as_deref(), changed.logo),
            (Some("#ffffff"), None)
        );
    }
}
