//! The published timelines as the rules' diary.

use std::sync::Arc;

use dashmap::DashMap;
use schema::ids::{CalendarId, TenantId};

use super::{Cell, Directory};
use crate::failure::Failure;
use crate::scheduling::diary::{Diary, Own};
use crate::scheduling::gaps::{self, Gaps};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;

/// What is published, looked up by id.
pub(crate) struct Published<'a> {
    directory: &'a Directory,
    own: Own,
}

impl<'a> Published<'a> {
    pub(crate) fn new(directory: &'a Directory, own: Own) -> Self {
        Self { directory, own }
    }
}

impl Diary for Published<'_> {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        Some(self.directory.loaded(calendar)?.timeline())
    }

    fn own(&self) -> &Own {
        &self.own
    }
}

/// The calendars of the practices that are in use, so that a search over thousands of them looks
/// none of them up.
#[derive(Default)]
pub(crate) struct Shelves(DashMap<TenantId, Arc<Shelf>>);

/// The calendars of one rule book, by number. They are loaded, and stay: only patients' calendars
/// are ever forgotten.
struct Shelf {
    ids: Arc<[CalendarId]>,
    cells: Vec<Option<Arc<Cell>>>,
    /// Of a practice with so many dentists that it pays.
    gaps: Option<Arc<Gaps>>,
}

impl Shelf {
    fn new(directory: &Directory, book: &RuleBook) -> Self {
        let ids = book.numbered_calendars();
        let cells: Vec<_> = ids.iter().map(|id| directory.loaded(*id)).collect();
        let many = book.providers.len() >= gaps::WORTHWHILE;
        let gaps = many.then(|| Arc::new(Gaps::new(book)));
        // Before anything is worked out: what is published from here on is heard of.
        if let Some(gaps) = &gaps {
            for (number, cell) in cells.iter().enumerate() {
                if let Some(cell) = cell {
                    cell.tell(gaps, number);
                }
            }
        }
        Self {
            ids: Arc::clone(ids),
            cells,
            gaps,
        }
    }
}

impl Shelves {
    /// The diary of a book's calendars, loading them if need be.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn open<'a>(
        &self,
        directory: &'a Directory,
        book: &RuleBook,
        own: &'a Own,
    ) -> Result<Numbered<'a>, Failure> {
        let ids = book.numbered_calendars();
        let known = self.0.get(&book.tenant).map(|shelf| Arc::clone(&shelf));
        let shelf = match known.filter(|shelf| Arc::ptr_eq(&shelf.ids, ids)) {
            Some(shelf) => shelf,
            None => {
                directory.ensure(ids).await?;
                let shelf = Arc::new(Shelf::new(directory, book));
                self.0.insert(book.tenant, Arc::clone(&shelf));
                shelf
            }
        };
        Ok(Numbered {
            shelf,
            directory,
            own,
        })
    }
}

/// A book's calendars, looked up by number.
pub(crate) struct Numbered<'a> {
    shelf: Arc<Shelf>,
    directory: &'a Directory,
    own: &'a Own,
}

impl Diary for Numbered<'_> {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        Some(self.directory.loaded(calendar)?.timeline())
    }

    fn numbered(&self, number: usize, _: CalendarId) -> Option<Arc<Timeline>> {
        Some(self.shelf.cells.get(number)?.as_ref()?.timeline())
    }

    fn gaps(&self) -> Option<&Gaps> {
        self.shelf.gaps.as_deref()
    }

    fn own(&self) -> &Own {
        self.own
    }
}
