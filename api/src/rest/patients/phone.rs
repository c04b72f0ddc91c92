//! Phone numbers as people write them, as E.164: `+`, the country's code, the national number.

/// How a country's national numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// The country's code (ITU-T E.164).
    code: &'static str,
    /// What is dialled before a national number inside the country, and never from outside.
    trunk: &'static str,
}

const WRONG: &str = "is not a phone number like +593991234567";

/// Time zones by the country whose numbers their practices write; a zone that begins so.
const COUNTRIES: [(&str, &str, &[&str]); 24] = [
    ("593", "0", &["America/Guayaquil", "Pacific/Galapagos"]),
    ("57", "", &["America/Bogota"]),
    ("51", "0", &["America/Lima"]),
    ("58", "0", &["America/Caracas"]),
    ("591", "0", &["America/La_Paz"]),
    ("595", "0", &["America/Asuncion"]),
    ("598", "0", &["America/Montevideo"]),
    (
        "54",
        "0",
        &[
            "America/Argentina/",
            "America/Buenos_Aires",
            "America/Cordoba",
        ],
    ),
    (
        "56",
        "",
        &["America/Santiago", "America/Punta_Arenas", "Pacific/Easter"],
    ),
    (
        "55",
        "0",
        &[
            "America/Sao_Paulo",
            "America/Bahia",
            "America/Fortaleza",
            "America/Recife",
            "America/Manaus",
            "America/Belem",
            "America/Cuiaba",
        ],
    ),
    (
        "52",
        "",
        &[
            "America/Mexico_City",
            "America/Monterrey",
            "America/Tijuana",
            "America/Cancun",
            "America/Merida",
            "America/Hermosillo",
            "America/Chihuahua",
            "America/Mazatlan",
            "America/Ciudad_Juarez",
        ],
    ),
    ("506", "", &["America/Costa_Rica"]),
    ("507", "", &["America/Panama"]),
    ("502", "", &["America/Guatemala"]),
    ("503", "", &["America/El_Salvador"]),
    ("504", "", &["America/Tegucigalpa"]),
    ("505", "", &["America/Managua"]),
    ("501", "", &["America/Belize"]),
    ("53", "0", &["America/Havana"]),
    (
        "1",
        "1",
        &[
            "America/Santo_Domingo",
            "America/Puerto_Rico",
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Phoenix",
            "America/Los_Angeles",
            "America/Detroit",
            "America/Toronto",
            "America/Vancouver",
            "America/Jamaica",
        ],
    ),
    (
        "34",
        "",
        &["Europe/Madrid", "Atlantic/Canary", "Africa/Ceuta"],
    ),
    ("351", "", &["Europe/Lisbon", "Atlantic/Madeira"]),
    ("44", "0", &["Europe/London"]),
    ("49", "0", &["Europe/Berlin"]),
];

/// The country of a practice in that time zone, where it is known.
#[must_use]
pub fn country(zone: &str) -> Option<Country> {
    COUNTRIES
        .iter()
        .find(|(_, _, zones)| zones.iter().any(|begin| zone.starts_with(begin)))
        .map(|(code, trunk, _)| Country { code, trunk })
}

/// E.164 of a number: an international one (`+` or `00` first), or a national one of `country`.
/// Spaces, dots, dashes, slashes and brackets may stand anywhere.
///
/// # Errors
/// What is wrong with it.
pub fn e164(given: &str, country: Option<Country>) -> Result<String, &'static str> {
    let plain: String = given
        .chars()
        .filter(|sign| !sign.is_whitespace() && !"-.()/".contains(*sign))
        .collect();
    let international = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00"));
    let digits = match (international, country) {
        (Some(digits), _) => digits.to_owned(),
        (None, None) => return Err(WRONG),
        // The country's code without the plus; national numbers have at most ten digits.
        (None, Some(country)) if plain.len() > 10 && plain.starts_with(country.code) => plain,
        (None, Some(country)) => {
            let national = match country.trunk {
                "" => plain.as_str(),
                trunk => plain.strip_prefix(trunk).unwrap_or(&plain),
            };
            // A short one is a number of a town or of nobody.
            if national.len() < 7 {
                return Err(WRONG);
            }
            format!("{}{national}", country.code)
        }
    };
    let right = (7..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if right {
        Ok(format!("+{digits}"))
    } else {
        Err(WRONG)
    }
}

/// Whether it may become a number, where the country is not known yet.
///
/// # Errors
/// What is wrong with it.
pub fn check(given: &str) -> Result<(), &'static str> {
    let any = Country {
        code: "1",
        trunk: "0",
    };
    e164(given, Some(any)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164() {
        for (given, zone, phone) in [
            ("+593 99 123-4567", "UTC", Some("+593991234567")),
            ("+1 (212) 555.0100", "UTC", Some("+12125550100")),
            ("00593 99 123 4567", "UTC", Some("+593991234567")),
            ("099 123 4567", "America/Guayaquil", Some("+593991234567")),
            ("99 123 4567", "America/Guayaquil", Some("+593991234567")),
            ("(04) 234-5678", "America/Guayaquil", Some("+59342345678")),
            ("300 123 4567", "America/Bogota", Some("+573001234567")),
            (
                "11 2345-6789",
                "America/Argentina/Salta",
                Some("+541123456789"),
            ),
            ("55 1234 5678", "America/Mexico_City", Some("+525512345678")),
            (
                "1 809 555 0100",
                "America/Santo_Domingo",
                Some("+18095550100"),
            ),
            (
                "809 555 0100",
                "America/Santo_Domingo",
                Some("+18095550100"),
            ),
            (
                "593 99 123 4567",
                "America/Guayaquil",
                Some("+593991234567"),
            ),
            ("612 345 678", "Europe/Madrid", Some("+34612345678")),
            ("0991234567", "Asia/Tokyo", None),
            ("+0991234567", "America/Guayaquil", None),
            ("099", "America/Guayaquil", None),
            ("+59399", "America/Guayaquil", None),
            ("+5939912345678901", "America/Guayaquil", None),
            ("+593991234x67", "America/Guayaquil", None),
            ("call me", "America/Guayaquil", None),
            ("", "America/Guayaquil", None),
        ] {
            assert_eq!(e164(given, country(zone)).ok().as_deref(), phone, "{given}");
        }
    }

    #[test]
    fn what_is_stored_stays_as_it_is() {
        for phone in ["+593991234567", "+12125550100", "+4915112345678"] {
            assert_eq!(e164(phone, country("Europe/Madrid")).as_deref(), Ok(phone));
        }
    }

    #[test]
    fn what_cannot_be_a_number_is_known_without_a_country() {
        for (given, right) in [
            ("0991234567", true),
            ("+593991234567", true),
            ("099", false),
            ("1", false),
            ("x", false),
        ] {
            assert_eq!(check(given).is_ok(), right, "{given}");
        }
    }
}
