//! What the columns of a file are, in Spanish and English, and what a row of it says.

use chrono::NaiveDate;
use garde::Validate;
use schema::ids::{CalendarId, PatientId};

use super::table::Cells;
use crate::problem::FieldError;
use crate::rest::input;
use crate::rest::patients::export::unguarded;
use crate::rest::patients::phone::Country;
use crate::rest::patients::record::{NewPatient, NewRow};
use crate::rest::patients::relation::NOTES_BYTES_MAX;

/// Which column is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    first_name: Option<usize>,
    last_name: Option<usize>,
    email: Option<usize>,
    phone: Option<usize>,
    date_of_birth: Option<usize>,
    notes: Option<usize>,
}

/// Names without accents, capitals and anything but letters.
const FIRST_NAME: [&str; 7] = [
    "firstname",
    "first",
    "givenname",
    "givennames",
    "nombre",
    "nombres",
    "primernombre",
];
const LAST_NAME: [&str; 7] = [
    "lastname",
    "last",
    "surname",
    "familyname",
    "apellido",
    "apellidos",
    "primerapellido",
];
const EMAIL: [&str; 6] = [
    "email",
    "emailaddress",
    "mail",
    "correo",
    "correoelectronico",
    "correoe",
];
const PHONE: [&str; 10] = [
    "phone",
    "phonenumber",
    "mobile",
    "mobilephone",
    "cell",
    "telefono",
    "telefonos",
    "celular",
    "movil",
    "tel",
];
const DATE_OF_BIRTH: [&str; 8] = [
    "dateofbirth",
    "birthdate",
    "birthday",
    "dob",
    "fechadenacimiento",
    "fechanacimiento",
    "nacimiento",
    "fnacimiento",
];
const NOTES: [&str; 6] = [
    "notes",
    "note",
    "comments",
    "notas",
    "nota",
    "observaciones",
];

impl Columns {
    /// From the file's first row.
    ///
    /// # Errors
    /// Which columns are missing.
    pub(super) fn of(header: &Cells) -> Result<Self, Vec<FieldError>> {
        let mut columns = Self::default();
        for (place, title) in header.0.iter().enumerate() {
            let title = plain(&String::from_utf8_lossy(title));
            let title = title.as_str();
            let column = match title {
                title if FIRST_NAME.contains(&title) => &mut columns.first_name,
                title if LAST_NAME.contains(&title) => &mut columns.last_name,
                title if EMAIL.contains(&title) => &mut columns.email,
                title if PHONE.contains(&title) => &mut columns.phone,
                title if DATE_OF_BIRTH.contains(&title) => &mut columns.date_of_birth,
                title if NOTES.contains(&title) => &mut columns.notes,
                _ => continue,
            };
            // Of two columns for the same, the first.
            column.get_or_insert(place);
        }
        let needed = [
            ("firstName", columns.first_name),
            ("lastName", columns.last_name),
        ];
        let missing: Vec<FieldError> = needed
            .iter()
            .filter(|(_, place)| place.is_none())
            .map(|(field, _)| FieldError {
                field: (*field).to_owned(),
                message: "the first row names no such column".to_owned(),
            })
            .collect();
        if missing.is_empty() {
            Ok(columns)
        } else {
            Err(missing)
        }
    }

    /// A row as a record, with the practice's notes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(
        &self,
        cells: &Cells,
        country: Option<Country>,
    ) -> Result<(NewRow, Option<String>), Vec<FieldError>> {
        let one = |field: &str, message: &str| {
            vec![FieldError {
                field: field.to_owned(),
                message: message.to_owned(),
            }]
        };
        let text = |place: Option<usize>| -> Result<Option<&str>, Vec<FieldError>> {
            let cell = place.and_then(|place| cells.0.get(place));
            let text = std::str::from_utf8(cell.map_or(&[], Vec::as_slice))
                .map_err(|_| one("", "is no UTF-8 text"))?;
            let text = unguarded(text.trim());
            Ok((!text.is_empty()).then_some(text))
        };
        let date_of_birth = text(self.date_of_birth)?
            .map(|date| {
                day(date)
                    .ok_or_else(|| one("dateOfBirth", "is no date like 1990-02-28 or 28/02/1990"))
            })
            .transpose()?;
        let notes = text(self.notes)?;
        if notes.is_some_and(|notes| notes.len() > NOTES_BYTES_MAX) {
            return Err(one("notes", "is too long"));
        }
        let given = NewPatient {
            first_name: text(self.first_name)?.unwrap_or_default().to_owned(),
            last_name: text(self.last_name)?.unwrap_or_default().to_owned(),
            email: text(self.email)?.map(str::to_owned),
            phone: text(self.phone)?.map(str::to_owned),
            date_of_birth,
            allow_duplicate: false,
        };
        given
            .validate()
            .map_err(|report| input::invalid(&report).errors.clone())?;
        let row = given
            .into_row(PatientId::new(), CalendarId::new(), country)
            .map_err(|problem| problem.errors.clone())?;
        Ok((row, notes.map(str::to_owned)))
    }
}

/// A title without accents, capitals and anything but letters.
fn plain(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .map(|letter| match letter {
            'á' => 'a',
            'é' => 'e',
            'í' => 'i',
            'ó' => 'o',
            'ú' | 'ü' => 'u',
            'ñ' => 'n',
            letter => letter,
        })
        .filter(char::is_ascii_alphabetic)
        .collect()
}

/// A date as ISO 8601 has it, or with the day first. Never with the month first: nobody could tell.
fn day(text: &str) -> Option<NaiveDate> {
    ["%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
        // `%Y` takes two digits too.
        .filter(|date| chrono::Datelike::year(date) >= 1800)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &[&str]) -> Cells {
        Cells(row.iter().map(|cell| cell.as_bytes().to_vec()).collect())
    }

    #[test]
    fn titles_are_known_in_both_languages() {
        let all = |titles: [&str; 6]| {
            let columns = Columns::of(&cells(&titles)).unwrap();
            assert_eq!(
                columns,
                Columns {
                    first_name: Some(0),
                    last_name: Some(1),
                    email: Some(2),
                    phone: Some(3),
                    date_of_birth: Some(4),
                    notes: Some(5),
                }
            );
        };
        all([
            "firstName",
            "lastName",
            "email",
            "phone",
            "dateOfBirth",
            "notes",
        ]);
        all([
            "First name",
            "LAST NAME",
            "E-Mail",
            "Mobile phone",
            "Birth date",
            "Notes",
        ]);
        all([
            "nombres",
            "apellidos",
            "correo",
            "teléfono",
            "fecha de nacimiento",
            "notas",
        ]);
        all([
            "Nombre",
            "Apellido",
            "Correo electrónico",
            "Celular",
            "Fecha_Nacimiento",
            "Observaciones",
        ]);
        let missing = Columns::of(&cells(&["nombre", "edad"])).unwrap_err();
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].field, "lastName");
    }

    #[test]
    fn rows_are_records_or_say_what_is_wrong() {
        let header = cells(&[
            "nombre",
            "apellido",
            "correo",
            "telefono",
            "nacimiento",
            "notas",
        ]);
        let columns = Columns::of(&header).unwrap();
        let country = crate::rest::patients::phone::country("America/Guayaquil");
        let read = |row: &[&str]| columns.read(&cells(row), country);
        let (row, notes) = read(&[
            " Ana  María ",
            "Núñez",
            "ANA@x.ec",
            "099 123 4567",
            "28/02/1990",
            "'=cmd",
        ])
        .unwrap();
        assert_eq!(
            (
                row.first_name.as_str(),
                row.email.as_deref(),
                row.phone.as_deref()
            ),
            ("Ana María", Some("ana@x.ec"), Some("+593991234567"))
        );
        assert_eq!(row.date_of_birth, NaiveDate::from_ymd_opt(1990, 2, 28));
        assert_eq!(notes.as_deref(), Some("=cmd"));
        assert!(read(&["Ana", "Mora"]).is_ok(), "what is left out is empty");
        for (row, field) in [
            (["", "Mora", "", "", "", ""], "firstName"),
            (["Ana", "Mora", "ana", "", "", ""], "email"),
            (["Ana", "Mora", "", "12", "", ""], "phone"),
            (["Ana", "Mora", "", "", "02/28/1990", ""], "dateOfBirth"),
            (["Ana", "Mora", "", "", "90-02-28", ""], "dateOfBirth"),
            (["Ana", "Mora", "", "", "2190-02-28", ""], "dateOfBirth"),
        ] {
            let errors = read(&row).err().unwrap();
            assert_eq!(errors[0].field, field, "{row:?}");
        }
        let latin1 = Cells(vec![b"Mar\xeda".to_vec(), b"Mora".to_vec()]);
        assert!(columns.read(&latin1, country).is_err());
    }
}
