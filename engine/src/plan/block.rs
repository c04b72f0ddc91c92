//! Blocks: facts on one calendar. Without `allow_clashes` nothing is blocked over a booking.

mod clashes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use schema::blocks::BlockClaim;
use schema::commit::{Change, Label, Occurrence};
use schema::ids::{BlockId, CalendarId, ClaimId, TxId};
use schema::models::block::Block;
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::{DAY, Span};

use super::{Plan, Planner, visit};
use crate::command::block::{BlockState, Blocked, Clash, EditBlock, NewBlock, Unblock};
use crate::command::{Done, Scope, Which};
use crate::failure::Refusal;
use crate::scheduling::intervals::IntervalSet;
use crate::scheduling::placement::Asker;
use crate::scheduling::rejection::{Missing, Override, Rejection};
use crate::scheduling::repetition::{self, BLOCKS_MAX, Rule};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::zone::Zone;
use clashes::{bookings_under, refused};

/// The longest time that one block takes.
const DAYS_MAX: i64 = 400;
/// And one that repeats.
const REPEATED_DAYS_MAX: i64 = 31;

/// A new block.
pub(super) async fn add(planner: &Planner<'_>, wanted: &NewBlock) -> Result<Plan, Refusal> {
    let rules = planner.rules().await?;
    let zone = rules.zone;
    let repeats = &wanted.repeats;
    let once = repeats.rrule.is_none() && repeats.rdates.is_empty();
    check_length(wanted.span, once)?;
    let first = zone.to_local(wanted.span.start());
    let length = zone.to_local(wanted.span.end()) - first;
    let local = |at: &schema::span::Minute| zone.to_local(*at);
    let rdates: Vec<_> = repeats.rdates.iter().map(local).collect();
    let exdates: Vec<_> = repeats.exdates.iter().map(local).collect();
    let rule = Rule {
        rrule: repeats.rrule.as_deref(),
        start: first,
        rdates: &rdates,
        exdates: &exdates,
    };
    let occurrences = if once {
        vec![(first, wanted.span)]
    } else {
        let starts = repetition::starts(&rule, zone, BLOCKS_MAX)?;
        let spans = starts.into_iter().filter_map(|(at, start)| {
            // None where a clock change leaves nothing of it.
            Some((at, Span::new(start, zone.to_utc(at + length))?))
        });
        spans.collect()
    };
    let block = Block {
        id: BlockId::new(),
        tenant: planner.request.tenant,
        version: 1,
        calendar: wanted.calendar,
        kind: wanted.kind,
        first_start: first,
        first_end: first + length,
        zone: zone.name().to_owned(),
        rrule: repeats.rrule.clone(),
        rdates,
        exdates,
        created_by: planner.request.user,
    };
    let states: Vec<State> = occurrences
        .into_iter()
        .map(|(at, span)| State {
            before: None,
            after: Some(Blocked {
                id: ClaimId::new(),
                span,
                at,
                detached: false,
                title: wanted.title.clone(),
            }),
        })
        .collect();
    let terms = Terms {
        allow_clashes: wanted.allow_clashes,
        overrides: &wanted.overrides,
    };
    let made = Made {
        action: "block.added",
        block,
        gone: false,
        states,
        kept: Vec::new(),
    };
    put(planner, &rules, made, &terms).await
}

fn check_length(span: Span, once: bool) -> Result<(), Rejection> {
    let most = if once { DAYS_MAX } else { REPEATED_DAYS_MAX };
    if span.minutes() > most * DAY {
        let text = format!("at most {most} days after the start");
        return Err(Rejection::invalid("end", text));
    }
    Ok(())
}

/// Another time, title or kind.
pub(super) async fn edit(planner: &Planner<'_>, wanted: &EditBlock) -> Result<Plan, Refusal> {
    let rules = planner.rules().await?;
    let zone = rules.zone;
    let (block, claims) = found(planner, wanted.block, wanted.version).await?;
    let chosen = choose(&claims, zone, wanted.scope, wanted.occurrence, true)?;
    if wanted.kind.is_some() && wanted.scope != Scope::All {
        let text = "belongs to the whole block: use scope=all";
        return Err(Rejection::invalid("kind", text).into());
    }
    // The named one says by how much; without one, the first that is changed.
    let named = named(&claims, zone, wanted.occurrence)?;
    let anchor = named.or_else(|| chosen.iter().next().copied());
    let anchor = anchor.and_then(|index| claims.get(index));
    let anchor = anchor.ok_or(Rejection::NotFound(Missing::Occurrence))?;
    let old_start = zone.to_local(anchor.span.start());
    let new_start = wanted.start.map_or(old_start, |start| zone.to_local(start));
    let shift = new_start - old_start;
    let new_length = wanted.end.map(|end| zone.to_local(end) - new_start);
    if new_length.is_some_and(|length| length <= TimeDelta::zero()) {
        return Err(Rejection::invalid("end", "later than start").into());
    }
    let (mut states, mut kept) = (Vec::new(), Vec::new());
    for (index, claim) in claims.iter().enumerate() {
        if !chosen.contains(&index) {
            kept.push(blocked(claim));
            continue;
        }
        let moves = wanted.start.is_some() || wanted.end.is_some();
        let span = match moves {
            true => moved(zone, claim.span, shift, new_length)?,
            false => claim.span,
        };
        check_length(span, claims.len() == 1)?;
        let after = Blocked {
            span,
            detached: wanted.scope == Scope::This && claims.len() > 1,
            title: wanted.title.clone().unwrap_or_else(|| claim.title.clone()),
            ..blocked(claim)
        };
        states.push(State {
            before: Some((claim.id, claim.span)),
            after: Some(after),
        });
    }
    let terms = Terms {
        allow_clashes: wanted.allow_clashes,
        overrides: &wanted.overrides,
    };
    let made = Made {
        action: "block.changed",
        gone: false,
        block: Block {
            version: block.version + 1,
            kind: wanted.kind.unwrap_or(block.kind),
            ..block
        },
        states,
        kept,
    };
    put(planner, &rules, made, &terms).await
}

/// A span moved by the clock on the wall, and as long by it as before or as told.
fn moved(
    zone: Zone,
    span: Span,
    shift: TimeDelta,
    length: Option<TimeDelta>,
) -> Result<Span, Rejection> {
    let start = zone.to_local(span.start());
    let length = length.unwrap_or_else(|| zone.to_local(span.end()) - start);
    let start = start
        .checked_add_signed(shift)
        .ok_or_else(|| Rejection::invalid("start", "outside 1900 to 2100"))?;
    let end = start
        .checked_add_signed(length)
        .ok_or_else(|| Rejection::invalid("end", "outside 1900 to 2100"))?;
    Span::new(zone.to_utc(start), zone.to_utc(end))
        .ok_or_else(|| Rejection::invalid("end", "later than start"))
}

/// Takes occurrences away; with the last one the block goes.
pub(super) async fn remove(planner: &Planner<'_>, wanted: &Unblock) -> Result<Plan, Refusal> {
    let rules = planner.rules().await?;
    let (block, claims) = found(planner, wanted.block, wanted.version).await?;
    let keep_detached = wanted.scope == Scope::Following;
    let (scope, which) = (wanted.scope, wanted.occurrence);
    let chosen = choose(&claims, rules.zone, scope, which, keep_detached)?;
    let states = chosen
        .iter()
        .filter_map(|index| claims.get(*index))
        .map(|claim| State {
            before: Some((claim.id, claim.span)),
            after: None,
        })
        .collect();
    let made = Made {
        action: "block.removed",
        gone: chosen.len() == claims.len(),
        block: Block {
            version: block.version + 1,
            ..block
        },
        states,
        kept: Vec::new(),
    };
    let terms = Terms {
        allow_clashes: true,
        overrides: &BTreeSet::new(),
    };
    put(planner, &rules, made, &terms).await
}

/// One occurrence, from what it was to what it shall be.
struct State {
    before: Option<(ClaimId, Span)>,
    after: Option<Blocked>,
}

impl State {
    /// The time that it takes and did not take before.
    fn new_span(&self) -> Option<Span> {
        let after = self.after.as_ref()?.span;
        match self.before {
            Some((_, before)) if before == after => None,
            _ => Some(after),
        }
    }
}

/// A block as it shall be.
struct Made {
    action: &'static str,
    block: Block,
    /// Nothing is left of it.
    gone: bool,
    states: Vec<State>,
    /// Occurrences that stay as they are.
    kept: Vec<Blocked>,
}

struct Terms<'a> {
    allow_clashes: bool,
    overrides: &'a BTreeSet<Override>,
}

/// The block with its occurrences, at the version that the asker has seen.
async fn found(
    planner: &Planner<'_>,
    id: BlockId,
    version: Option<i64>,
) -> Result<(Block, Vec<BlockClaim>), Refusal> {
    let found = planner
        .parts
        .store
        .block(planner.request.tenant, id)
        .await?;
    let (block, claims) = found.ok_or(Rejection::NotFound(Missing::Block))?;
    if let Some(seen) = version
        && seen != block.version
    {
        return Err(Rejection::Stale { seen }.into());
    }
    Ok((block, claims))
}

fn blocked(claim: &BlockClaim) -> Blocked {
    Blocked {
        id: claim.id,
        span: claim.span,
        at: claim.occurrence,
        detached: claim.detached,
        title: claim.title.clone(),
    }
}

/// The place of the occurrence that is named, if one is.
fn named(
    claims: &[BlockClaim],
    zone: Zone,
    which: Option<Which>,
) -> Result<Option<usize>, Rejection> {
    let Some(which) = which else { return Ok(None) };
    let place = claims.iter().position(|claim| {
        let by_rule = zone.to_utc(claim.occurrence);
        which.names(claim.id.0, by_rule, claim.span.start())
    });
    place
        .map(Some)
        .ok_or(Rejection::NotFound(Missing::Occurrence))
}

/// The places of the occurrences within the scope. One that was changed on its own is left alone,
/// where that is asked for, unless it is the one that is named.
fn choose(
    claims: &[BlockClaim],
    zone: Zone,
    scope: Scope,
    which: Option<Which>,
    keep_detached: bool,
) -> Result<BTreeSet<usize>, Rejection> {
    let named = named(claims, zone, which)?;
    let from = match (scope, named, claims) {
        (Scope::All, ..) => None,
        (_, Some(place), _) => Some(place),
        // Of one there is nothing to choose.
        (_, None, [_]) => Some(0),
        (_, None, _) => {
            let text = "name the occurrence that it begins with";
            return Err(Rejection::invalid("occurrence", text));
        }
    };
    let within = |index: &usize| match (scope, from) {
        (Scope::This, from) => Some(*index) == from,
        (Scope::Following, Some(from)) => claims[*index].occurrence >= claims[from].occurrence,
        _ => true,
    };
    Ok((0..claims.len())
        .filter(within)
        .filter(|index| !(keep_detached && claims[*index].detached) || Some(*index) == named)
        .collect())
}

/// The plan that makes it so.
async fn put(
    planner: &Planner<'_>,
    rules: &RuleBook,
    made: Made,
    terms: &Terms<'_>,
) -> Result<Plan, Refusal> {
    let calendar = made.block.calendar;
    if !rules.calendars().any(|known| known == calendar) {
        return Err(Rejection::NotFound(Missing::Calendar).into());
    }
    let spans: Vec<Span> = made.states.iter().filter_map(State::new_span).collect();
    let overridden = check_hours(planner, rules, calendar, &spans, terms.overrides)?;
    let cells = planner.cells([calendar]).await?;
    let mut seen = BTreeMap::new();
    let mut clashes = Vec::new();
    for cell in cells.values() {
        clashes = bookings_under(planner, cell, &spans);
        if !terms.allow_clashes && !clashes.is_empty() {
            return Err(Rejection::Several(refused(calendar, &clashes)).into());
        }
        if terms.allow_clashes && !spans.is_empty() {
            seen.insert(cell.id, cell.version());
        }
    }

    let tx = TxId::new();
    let mut ask = visit::nothing(tx);
    let (mut dels, mut puts) = (Vec::new(), Vec::new());
    let (mut claims_del, mut claims_put) = (Vec::new(), Vec::new());
    let mut labels = HashMap::new();
    for state in &made.states {
        if let Some((id, span)) = state.before {
            ask.frees.push((id, span));
            claims_del.push(id);
            if state.after.as_ref().is_none_or(|after| after.span != span) {
                dels.push(Op::Del { id, span });
            }
        }
        let Some(after) = &state.after else { continue };
        match state.new_span() {
            Some(span) if !terms.allow_clashes => ask.keeps.push(span),
            _ => ask.states.push(after.span),
        }
        // The same id again: deleted and put in one commit, it is the same entry.
        let claim = Claim {
            id: after.id,
            tenant: made.block.tenant,
            span: after.span,
            kind: ClaimKind::Block,
        };
        puts.push(Op::Put(claim.clone()));
        claims_put.push((calendar, claim));
        let label = Label {
            title: after.title.clone(),
            source: None,
            block: Some(Occurrence {
                block: made.block.id,
                at: after.at,
                detached: after.detached,
            }),
        };
        labels.insert(after.id, label);
    }
    dels.extend(puts);
    let done = done(&made, clashes);
    let (blocks_put, blocks_del) = match made.gone {
        true => (Vec::new(), vec![made.block.id]),
        false => (vec![made.block.clone()], Vec::new()),
    };
    let (mut ops, mut asks) = (BTreeMap::new(), BTreeMap::new());
    if !dels.is_empty() {
        ops.insert(calendar, dels);
        asks.insert(calendar, ask);
    }
    let change = Change {
        tx,
        action: made.action,
        subject: made.block.id.0,
        overrides: overridden,
        ops,
        claims_put,
        claims_del,
        labels,
        blocks_put,
        blocks_del,
        rules: rules.seen.clone(),
        ..planner.change(&done)?
    };
    Ok(Plan {
        seen,
        again: true,
        ..Plan::new(change, asks, cells, done)
    })
}

fn done(made: &Made, clashes: Vec<Clash>) -> Done {
    if made.action == "block.removed" {
        let removed = made.states.iter();
        return Done::Unblocked {
            removed: removed.filter_map(|state| Some(state.before?.0)).collect(),
        };
    }
    let changed = made.states.iter().filter_map(|state| state.after.clone());
    let mut occurrences: Vec<Blocked> = changed.chain(made.kept.iter().cloned()).collect();
    occurrences.sort_by_key(|one| (one.span.start(), one.id));
    Done::Block(Box::new(BlockState {
        block: made.block.clone(),
        occurrences,
        clashes,
    }))
}

/// An operatory is shared: a practice blocks it while it may use it, and no longer.
fn check_hours(
    planner: &Planner<'_>,
    rules: &RuleBook,
    calendar: CalendarId,
    spans: &[Span],
    overrides: &BTreeSet<Override>,
) -> Result<Vec<String>, Rejection> {
    let mut operatories = rules.operatories.values();
    let Some(operatory) = operatories.find(|operatory| operatory.calendar == calendar) else {
        return Ok(Vec::new());
    };
    let open = |span: &Span| {
        let hours = rules
            .providers
            .values()
            .flat_map(|provider| rules.open(provider, operatory, *span));
        hours.collect::<IntervalSet>().contains(*span)
    };
    if spans.iter().all(open) {
        return Ok(Vec::new());
    }
    let rule = Override::OutsideHours;
    match planner.request.asker == Asker::Staff && overrides.contains(&rule) {
        true => Ok(vec![rule.code().to_owned()]),
        false => Err(Rejection::OutsideHours),
    }
}
