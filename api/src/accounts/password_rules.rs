//! What a password must be like: long, and not the account's own name (NIST SP 800-63B, 3.1.1.2,
//! wants length and no rules of composition).

use crate::problem::Problem;

const CHARS_MIN: usize = 10;
/// Longer ones would only cost time.
const BYTES_MAX: usize = 1024;

/// Whether `password` may be that of the account `email`; `field` is its name in the body.
///
/// # Errors
/// 422 with what is wrong with it.
pub fn check(field: &str, password: &str, email: &str) -> Result<(), Problem> {
    let wrong = |message: &str| Err(Problem::invalid(field, message));
    if password.len() > BYTES_MAX {
        return wrong("is too long");
    }
    let mut letters = password.chars();
    let first = letters.next();
    if password.chars().count() < CHARS_MIN {
        return wrong("has fewer than 10 characters");
    }
    if letters.all(|letter| Some(letter) == first) {
        return wrong("is one character, again and again");
    }
    let (given, email) = (password.trim().to_lowercase(), email.trim().to_lowercase());
    let name = email.split('@').next().unwrap_or_default();
    if given == email || given == name {
        return wrong("is the e-mail address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn long_and_not_the_address() {
        for (password, fine) in [
            ("Dentist123!", true),
            ("contraseña larga", true),
            ("ñandúñandú", true),
            ("short", false),
            ("123456789", false),
            ("aaaaaaaaaaaa", false),
            ("maria.jose.mora@test.ec", false),
            (" MARIA.JOSE.MORA@test.ec ", false),
            ("Maria.Jose.Mora", false),
            (&"long ".repeat(300), false),
            ("", false),
        ] {
            let checked = check("password", password, "maria.jose.mora@test.ec");
            assert_eq!(checked.is_ok(), fine, "{password}");
        }
    }
}
