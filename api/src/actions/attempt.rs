//! One request to the engine, and what could be had instead where time is taken.

use engine::command::{Reply, Request};

use crate::app::App;
use crate::problem::Problem;
use crate::rest::availability::SlotView;

/// Slots that a refusal names instead.
const ALTERNATIVES: usize = 3;

/// Has it done; a refusal because of taken time names the next free ones. Whatever goes wrong in
/// looking for them, the refusal stands.
///
/// # Errors
/// What the rules refuse, what is taken.
pub async fn attempt(app: &App, request: Request) -> Result<Reply, Problem> {
    let refused = match app.engine.execute(request.clone()).await {
        Ok(reply) => return Ok(reply),
        Err(refusal) => Problem::from(refusal),
    };
    if !matches!(refused.code.as_str(), "slot_taken" | "patient_busy") {
        return Err(refused);
    }
    let slots = app.engine.instead_of(&request, ALTERNATIVES).await;
    let slots = slots.unwrap_or_default().into_iter().map(SlotView::from);
    let told = slots.filter_map(|slot| serde_json::to_value(slot).ok());
    Err(refused.with_alternatives(told.collect()))
}
