//! Rows of a CSV file (RFC 4180) that comes in pieces: no more than one row is kept at a time.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// No sensible row is longer.
const ROW_BYTES_MAX: usize = 64 * 1024;
const CELLS_MAX: usize = 100;
const BOM: &[u8] = b"\xef\xbb\xbf";
const DELIMITERS: [u8; 3] = *b",;\t";

/// Why the rest of a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The cells of a row. Bytes, for they may be no UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells(pub Vec<Vec<u8>>);

impl Cells {
    /// Whether there is nothing in it, as in the rows below a spreadsheet's data.
    pub(super) fn is_blank(&self) -> bool {
        self.0.iter().all(|cell| cell.trim_ascii().is_empty())
    }
}

/// A file that is being read.
pub(super) struct Table {
    state: State,
    row: Box<[u8]>,
    ends: [usize; CELLS_MAX],
    written: usize,
    cells: usize,
}

enum State {
    /// The first line tells what separates cells.
    Sniffing(Vec<u8>),
    Reading(Box<Reader>),
    Ended,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            state: State::Sniffing(Vec::new()),
            row: vec![0; ROW_BYTES_MAX].into_boxed_slice(),
            ends: [0; CELLS_MAX],
            written: 0,
            cells: 0,
        }
    }

    /// Takes the next piece of the file and gives each row that it completes to `found`.
    ///
    /// # Errors
    /// When a row is far too long, as in a file that is no table.
    pub(super) fn read(
        &mut self,
        piece: &[u8],
        found: &mut impl FnMut(Cells),
    ) -> Result<(), Unreadable> {
        match &mut self.state {
            State::Sniffing(begun) => {
                begun.extend_from_slice(piece);
                if begun.contains(&b'\n') || begun.contains(&b'\r') {
                    return self.begin(found);
                }
                if begun.len() > ROW_BYTES_MAX {
                    return Err(Unreadable);
                }
                Ok(())
            }
            State::Reading(_) if piece.is_empty() => Ok(()),
            State::Reading(_) => self.parse(piece, found),
            State::Ended => Ok(()),
        }
    }

    /// The file has no more pieces: its last row may have no line end.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn end(&mut self, found: &mut impl FnMut(Cells)) -> Result<(), Unreadable> {
        if matches!(self.state, State::Sniffing(_)) {
            self.begin(found)?;
        }
        // To the reader, an empty piece is the end.
        self.parse(&[], found)?;
        self.state = State::Ended;
        Ok(())
    }

    fn begin(&mut self, found: &mut impl FnMut(Cells)) -> Result<(), Unreadable> {
        let State::Sniffing(begun) = &mut self.state else {
            return Ok(());
        };
        let begun = std::mem::take(begun);
        let begun = begun.strip_prefix(BOM).unwrap_or(&begun);
        let reader = ReaderBuilder::new().delimiter(delimiter(begun)).build();
        self.state = State::Reading(Box::new(reader));
        if begun.is_empty() {
            return Ok(());
        }
        self.parse(begun, found)
    }

    fn parse(&mut self, mut piece: &[u8], found: &mut impl FnMut(Cells)) -> Result<(), Unreadable> {
        let State::Reading(reader) = &mut self.state else {
            return Ok(());
        };
        loop {
            let (result, read, written, cells) = reader.read_record(
                piece,
                &mut self.row[self.written..],
                &mut self.ends[self.cells..],
            );
            piece = &piece[read..];
            self.written += written;
            self.cells += cells;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(()),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(Unreadable);
                }
                ReadRecordResult::Record => {
                    let mut from = 0;
                    let cells = self.ends[..self.cells].iter().map(|end| {
                        let cell = self.row[from..*end].to_vec();
                        from = *end;
                        cell
                    });
                    found(Cells(cells.collect()));
                    (self.written, self.cells) = (0, 0);
                    // What is left of the piece may be nothing, which would read as the end.
                    if piece.is_empty() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// What separates the cells of the first line: whatever is there most often outside quotes.
fn delimiter(file: &[u8]) -> u8 {
    let line = file
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    let count = |delimiter: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|byte| {
                quoted ^= **byte == b'"';
                !quoted && **byte == delimiter
            })
            .count()
    };
    // The first of equals: a single column has none.
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(file: &[u8], piece: usize) -> Result<Vec<Vec<String>>, Unreadable> {
        let mut rows = Vec::new();
        let mut table = Table::new();
        let mut found = |cells: Cells| {
            let text = |cell: &Vec<u8>| String::from_utf8_lossy(cell).into_owned();
            rows.push(cells.0.iter().map(text).collect());
        };
        for piece in file.chunks(piece) {
            table.read(piece, &mut found)?;
        }
        table.end(&mut found)?;
        Ok(rows)
    }

    #[test]
    fn files_as_they_come() {
        for (file, expected) in [
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("\u{feff}a;b\r\n1;2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a\tb\n1\t2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            (
                "\"a,x\";b\n\"say \"\"hi\"\"\";\"two\nlines\"\n",
                vec![vec!["a,x", "b"], vec!["say \"hi\"", "two\nlines"]],
            ),
            ("a,b\n\n1,2\n\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b", vec![vec!["a", "b"]]),
            ("a\nb\n", vec![vec!["a"], vec!["b"]]),
            (
                "a,b\n1,2,3\n4\n",
                vec![vec!["a", "b"], vec!["1", "2", "3"], vec!["4"]],
            ),
            ("", vec![]),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(
                    rows(file.as_bytes(), piece).unwrap(),
                    expected,
                    "{file:?} by {piece}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_table_is_left_unread() {
        assert_eq!(rows(&vec![b'x'; ROW_BYTES_MAX + 10], 1000), Err(Unreadable));
        let many = ",".repeat(CELLS_MAX + 1) + "\n";
        assert_eq!(rows(many.as_bytes(), 1000), Err(Unreadable));
        let open = format!("a,b\n\"{}", "x".repeat(ROW_BYTES_MAX + 10));
        assert_eq!(rows(open.as_bytes(), 1000), Err(Unreadable));
    }

    proptest! {
        /// Wherever the pieces end, the rows are the same.
        #[test]
        fn pieces_do_not_matter(
            file in "([a-z]{0,3}|\"[a-z,;\n\"]{0,4}\")([,;\n]([a-z]{0,3}|\"[a-z,;\n]{0,4}\")){0,12}",
            piece in 1usize..9,
        ) {
            prop_assert_eq!(rows(file.as_bytes(), piece), rows(file.as_bytes(), 10_000));
        }
    }
}
