//! Whether a refusal still stands: before it is told, the database says what the calendars, the
//! rules and the key have come to, by whomever. Refusals that come at the same time are asked about
//! together.

use std::collections::BTreeSet;
use std::sync::Arc;

use schema::commit::Key;
use schema::ids::CalendarId;
use schema::present::{Asked, Present};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::scheduling::rulebook::RuleBook;
use crate::store::Store;

/// Refusals that are asked about at a time.
const TOGETHER_MAX: usize = 256;

/// What one refusal rests on.
#[derive(Debug)]
pub(crate) struct Question {
    asked: Asked,
    answer: oneshot::Sender<Result<Arc<Present>, Failure>>,
}

/// Asks; the reads are made by [`Reader`].
#[derive(Clone, Debug)]
pub(crate) struct Standing(mpsc::UnboundedSender<Question>);

/// Reads for all who ask.
pub(crate) struct Reader {
    store: Arc<dyn Store>,
    questions: mpsc::UnboundedReceiver<Question>,
}

impl Standing {
    /// With its reader, to be run somewhere.
    pub(crate) fn new(store: Arc<dyn Store>) -> (Self, Reader) {
        // No more than there are commands in flight, which are bounded.
        let (asking, questions) = mpsc::unbounded_channel();
        (Self(asking), Reader { store, questions })
    }

    /// The present state of those calendars and of what the rules were made of.
    pub(crate) async fn look(
        &self,
        calendars: &BTreeSet<CalendarId>,
        book: Option<&RuleBook>,
        key: Option<&Key>,
    ) -> Result<Arc<Present>, Failure> {
        let asked = Asked {
            calendars: calendars.iter().copied().collect(),
            tenants: book.map_or_else(Vec::new, |book| book.seen.tenants.keys().copied().collect()),
            clinics: book.map_or_else(Vec::new, |book| book.seen.clinics.keys().copied().collect()),
            keys: key.cloned().into_iter().collect(),
        };
        self.ask(asked).await
    }

    async fn ask(&self, asked: Asked) -> Result<Arc<Present>, Failure> {
        let (answer, heard) = oneshot::channel();
        let _ = self.0.send(Question { asked, answer });
        // Dropped unanswered: the engine has stopped.
        heard.await.unwrap_or(Err(Failure::Unavailable))
    }
}

impl Reader {
    /// Reads until nobody can ask any more.
    pub(crate) async fn run(mut self) {
        let mut questions = Vec::new();
        while self.questions.recv_many(&mut questions, TOGETHER_MAX).await > 0 {
            metrics::histogram!("denticloud_refusals_checked").record(questions.len() as f64);
            let present = self.store.present(&together(&questions)).await;
            let present = present.map(Arc::new).map_err(Failure::from);
            for question in questions.drain(..) {
                let _ = question.answer.send(present.clone());
            }
        }
    }
}

/// Each thing once, however many ask about it.
fn together(questions: &[Question]) -> Asked {
    let asked = || questions.iter().map(|question| &question.asked);
    let calendars: BTreeSet<_> = asked().flat_map(|asked| &asked.calendars).collect();
    let tenants: BTreeSet<_> = asked().flat_map(|asked| &asked.tenants).collect();
    let clinics: BTreeSet<_> = asked().flat_map(|asked| &asked.clinics).collect();
    Asked {
        calendars: calendars.into_iter().copied().collect(),
        tenants: tenants.into_iter().copied().collect(),
        clinics: clinics.into_iter().copied().collect(),
        keys: asked().flat_map(|asked| &asked.keys).cloned().collect(),
    }
}
