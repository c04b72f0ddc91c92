//! What the e-mails say, in Spanish and English.

use serde::{Deserialize, Serialize};

use crate::rest::language::Language;

/// A text with what it tells. Kept as JSON while it waits: fields may be added with a default, and
/// a variant stays until no queue can hold it any more.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
#[allow(missing_debug_implementations)] // links are secrets: nothing shall print them
pub enum Letter {
    /// Whose address is this?
    VerifyEmail { name: String, link: String },
    /// Somebody asked for a new password.
    ResetPassword { name: String, link: String },
    /// The password is another one now.
    PasswordChanged { name: String },
    /// Is this the account's address from now on?
    ChangeEmail { name: String, link: String },
    /// The account has another address now; to the one that it had.
    EmailChanged { name: String },
    /// Time has come free for somebody on the waitlist.
    Offer {
        name: String,
        practice: String,
        treatment: String,
        dentist: String,
        /// Local date and time.
        when: String,
        /// The same, until which it is kept for them.
        until: String,
        link: String,
    },
    /// Somebody wanted to register with an address that has an account.
    AccountExists { name: String, link: String },
    /// Somebody has booked on a practice's public page.
    Booked {
        name: String,
        practice: String,
        treatment: String,
        dentist: String,
        /// Local date and time.
        when: String,
        link: String,
    },
    /// A practice offers a patient to see their visits online.
    PatientAccess {
        name: String,
        practice: String,
        link: String,
    },
    /// A practice asks somebody to work with it.
    Invitation {
        inviter: String,
        practice: String,
        link: String,
    },
    /// A practice asks whether it may see somebody's record.
    PatientLink {
        name: String,
        practice: String,
        link: String,
    },
}

/// A letter as it is read.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_debug_implementations)] // as above
pub struct Text {
    pub subject: String,
    pub body: String,
}

impl Letter {
    /// Its name, for logs and counts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged { .. } => "password_changed",
            Self::ChangeEmail { .. } => "change_email",
            Self::EmailChanged { .. } => "email_changed",
            Self::Offer { .. } => "offer",
            Self::AccountExists { .. } => "account_exists",
            Self::PatientAccess { .. } => "patient_access",
            Self::Invitation { .. } => "invitation",
            Self::Booked { .. } => "booked",
            Self::PatientLink { .. } => "patient_link",
        }
    }

    /// The letter in a language.
    #[must_use]
    pub fn text(&self, language: Language) -> Text {
        let (subject, greeted, lines) = match language {
            Language::Spanish => self.spanish(),
            Language::English => self.english(),
        };
        let greeting = match (language, greeted.is_empty()) {
            (Language::Spanish, true) => "Hola:".to_owned(),
            (Language::Spanish, false) => format!("Hola, {greeted}:"),
            (Language::English, true) => "Hello,".to_owned(),
            (Language::English, false) => format!("Hello {greeted},"),
        };
        Text {
            subject,
            body: format!("{greeting}\n\n{}\n\nDentiCloud\n", lines.join("\n\n")),
        }
    }

    /// Subject, who is greeted, paragraphs.
    fn spanish(&self) -> (String, &str, Vec<String>) {
        match self {
            Self::VerifyEmail { name, link } => (
                "Confirme su correo electrónico".to_owned(),
                name,
                vec![
                    "Para confirmar que este correo es suyo, abra este enlace antes de 48 horas:"
                        .to_owned(),
                    link.clone(),
                    "Si usted no creó una cuenta, no haga nada.".to_owned(),
                ],
            ),
            Self::ResetPassword { name, link } => (
                "Su nueva contraseña".to_owned(),
                name,
                vec![
                    "Para elegir una nueva contraseña, abra este enlace antes de una hora. Sirve una sola vez:"
                        .to_owned(),
                    link.clone(),
                    "Si usted no la pidió, no haga nada: su contraseña sigue siendo la misma."
                        .to_owned(),
                ],
            ),
            Self::PasswordChanged { name } => (
                "Su contraseña ha cambiado".to_owned(),
                name,
                vec![
                    "La contraseña de su cuenta acaba de cambiar y las demás sesiones se han cerrado."
                        .to_owned(),
                    "Si no fue usted, pida ahora mismo una nueva contraseña.".to_owned(),
                ],
            ),
            Self::ChangeEmail { name, link } => (
                "Confirme su nuevo correo electrónico".to_owned(),
                name,
                vec![
                    "Para que este sea el correo de su cuenta, abra este enlace antes de 48 horas:"
                        .to_owned(),
                    link.clone(),
                    "Si usted no lo pidió, no haga nada: la cuenta sigue como estaba.".to_owned(),
                ],
            ),
            Self::EmailChanged { name } => (
                "El correo de su cuenta ha cambiado".to_owned(),
                name,
                vec![
                    "Su cuenta tiene desde ahora otro correo electrónico; este ya no sirve para entrar."
                        .to_owned(),
                    "Si no fue usted, avise ahora mismo a su consultorio.".to_owned(),
                ],
            ),
            Self::Offer {
                name,
                practice,
                treatment,
                dentist,
                when,
                until,
                link,
            } => (
                format!("Se liberó una hora en {practice}"),
                name,
                vec![
                    format!("Se liberó una hora para {treatment} con {dentist}: {when}. La guardamos para usted hasta el {until}."),
                    "Para aceptarla o dejarla a otra persona, abra este enlace:".to_owned(),
                    link.clone(),
                    "Si no la acepta, sigue en la lista de espera.".to_owned(),
                ],
            ),
            Self::AccountExists { name, link } => (
                "Usted ya tiene una cuenta".to_owned(),
                name,
                vec![
                    "Alguien, quizás usted, quiso crear una cuenta con este correo, que ya tiene una. Entre con su contraseña, o pida una nueva:"
                        .to_owned(),
                    link.clone(),
                ],
            ),
            Self::PatientAccess {
                name,
                practice,
                link,
            } => (
                format!("Sus citas en {practice}"),
                name,
                vec![
                    format!("{practice} le invita a ver sus citas en línea. Entre o cree su cuenta, y abra este enlace antes de siete días:"),
                    link.clone(),
                    "Si usted no es paciente de este consultorio, no haga nada.".to_owned(),
                ],
            ),
            Self::Invitation {
                inviter,
                practice,
                link,
            } => (
                format!("Invitación de {practice}"),
                "",
                vec![
                    format!("{inviter} le invita a trabajar con {practice} en DentiCloud. Abra este enlace antes de siete días para aceptar o rechazar:"),
                    link.clone(),
                    "Si no conoce este consultorio, no haga nada.".to_owned(),
                ],
            ),
            Self::PatientLink {
                name,
                practice,
                link,
            } => (
                format!("{practice} quiere ver su ficha"),
                name,
                vec![
                    format!("{practice} pide su permiso para ver su ficha de paciente, con sus datos médicos. Para aceptar o negar, abra este enlace antes de siete días:"),
                    link.clone(),
                    "Si usted no conoce este consultorio, no haga nada: no verá nada de usted.".to_owned(),
                ],
            ),
            Self::Booked {
                name,
                practice,
                treatment,
                dentist,
                when,
                link,
            } => (
                format!("Su cita en {practice}"),
                name,
                vec![
                    format!("Reservó {treatment} con {dentist} el {when}."),
                    "Para ver, cambiar o cancelar su cita, abra este enlace:".to_owned(),
                    link.clone(),
                    "Quien tenga este enlace puede cambiar la cita: no lo comparta.".to_owned(),
                ],
            ),
        }
    }

    fn english(&self) -> (String, &str, Vec<String>) {
        match self {
            Self::VerifyEmail { name, link } => (
                "Confirm your e-mail address".to_owned(),
                name,
                vec![
                    "To confirm that this address is yours, open this link within 48 hours:"
                        .to_owned(),
                    link.clone(),
                    "If you did not create an account, there is nothing to do.".to_owned(),
                ],
            ),
            Self::ResetPassword { name, link } => (
                "Your new password".to_owned(),
                name,
                vec![
                    "To choose a new password, open this link within an hour. It works once:"
                        .to_owned(),
                    link.clone(),
                    "If you did not ask for it, there is nothing to do: your password is as it was."
                        .to_owned(),
                ],
            ),
            Self::PasswordChanged { name } => (
                "Your password has changed".to_owned(),
                name,
                vec![
                    "The password of your account has just been changed, and all other sessions were ended."
                        .to_owned(),
                    "If it was not you, ask for a new password at once.".to_owned(),
                ],
            ),
            Self::ChangeEmail { name, link } => (
                "Confirm your new e-mail address".to_owned(),
                name,
                vec![
                    "To make this the address of your account, open this link within 48 hours:"
                        .to_owned(),
                    link.clone(),
                    "If you did not ask for it, there is nothing to do: the account is as it was."
                        .to_owned(),
                ],
            ),
            Self::EmailChanged { name } => (
                "The address of your account has changed".to_owned(),
                name,
                vec![
                    "Your account has another e-mail address from now on; this one signs in no more."
                        .to_owned(),
                    "If it was not you, tell your practice at once.".to_owned(),
                ],
            ),
            Self::Offer {
                name,
                practice,
                treatment,
                dentist,
                when,
                until,
                link,
            } => (
                format!("Time has come free at {practice}"),
                name,
                vec![
                    format!("Time has come free for {treatment} with {dentist}: {when}. We keep it for you until {until}."),
                    "To take it, or leave it to somebody else, open this link:".to_owned(),
                    link.clone(),
                    "If you do not take it, you stay on the waitlist.".to_owned(),
                ],
            ),
            Self::AccountExists { name, link } => (
                "You already have an account".to_owned(),
                name,
                vec![
                    "Somebody, perhaps you, wanted to create an account with this address, which has one already. Sign in with your password, or ask for a new one:"
                        .to_owned(),
                    link.clone(),
                ],
            ),
            Self::PatientAccess {
                name,
                practice,
                link,
            } => (
                format!("Your visits to {practice}"),
                name,
                vec![
                    format!("{practice} invites you to see your visits online. Sign in or create your account, and open this link within seven days:"),
                    link.clone(),
                    "If you are no patient of this practice, there is nothing to do.".to_owned(),
                ],
            ),
            Self::Invitation {
                inviter,
                practice,
                link,
            } => (
                format!("Invitation from {practice}"),
                "",
                vec![
                    format!("{inviter} invites you to work with {practice} on DentiCloud. Open this link within seven days to accept or decline:"),
                    link.clone(),
                    "If you do not know this practice, there is nothing to do.".to_owned(),
                ],
            ),
            Self::PatientLink {
                name,
                practice,
                link,
            } => (
                format!("{practice} would like to see your record"),
                name,
                vec![
                    format!("{practice} asks whether it may see your patient's record, with its medical facts. To accept or refuse, open this link within seven days:"),
                    link.clone(),
                    "If you do not know this practice, there is nothing to do: it will see nothing of you.".to_owned(),
                ],
            ),
            Self::Booked {
                name,
                practice,
                treatment,
                dentist,
                when,
                link,
            } => (
                format!("Your visit to {practice}"),
                name,
                vec![
                    format!("You have booked {treatment} with {dentist} on {when}."),
                    "To see, move or cancel your visit, open this link:".to_owned(),
                    link.clone(),
                    "Whoever has this link can change the visit: do not share it.".to_owned(),
                ],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_speaks_both_languages_and_keeps_its_link() {
        let (name, link) = ("Ana".to_owned(), "https://x.ec/#token=t".to_owned());
        let letters = [
            Letter::VerifyEmail {
                name: name.clone(),
                link: link.clone(),
            },
            Letter::ResetPassword {
                name: name.clone(),
                link: link.clone(),
            },
            Letter::PasswordChanged { name: name.clone() },
            Letter::AccountExists {
                name: name.clone(),
                link: link.clone(),
            },
            Letter::ChangeEmail {
                name: name.clone(),
                link: link.clone(),
            },
            Letter::EmailChanged { name: name.clone() },
            Letter::Offer {
                name: name.clone(),
                practice: "Sol".to_owned(),
                treatment: "Limpieza".to_owned(),
                dentist: "Dra. Paz".to_owned(),
                when: "2027-03-01 09:00".to_owned(),
                until: "2027-02-28 10:00".to_owned(),
                link: link.clone(),
            },
            Letter::Booked {
                name: name.clone(),
                practice: "Sol".to_owned(),
                treatment: "Limpieza".to_owned(),
                dentist: "Dra. Paz".to_owned(),
                when: "2027-03-01 09:00".to_owned(),
                link: link.clone(),
            },
            Letter::PatientAccess {
                name: name.clone(),
                practice: "Sol".to_owned(),
                link: link.clone(),
            },
            Letter::PatientLink {
                name,
                practice: "Sol".to_owned(),
                link: link.clone(),
            },
        ];
        for letter in letters {
            let kept = serde_json::to_value(&letter).unwrap();
            assert_eq!(kept["letter"], letter.kind());
            let letter: Letter = serde_json::from_value(kept).unwrap();
            let spanish = letter.text(Language::Spanish);
            let english = letter.text(Language::English);
            assert_ne!(spanish.subject, english.subject);
            assert!(
                spanish.body.starts_with("Hola, Ana:\n"),
                "{}",
                letter.kind()
            );
            assert!(
                english.body.starts_with("Hello Ana,\n"),
                "{}",
                letter.kind()
            );
            let linked = !matches!(
                letter,
                Letter::PasswordChanged { .. } | Letter::EmailChanged { .. }
            );
            for text in [spanish, english] {
                assert!(!text.subject.contains("http"));
                assert_eq!(text.body.contains(&format!("\n\n{link}\n\n")), linked);
            }
        }
    }
}
