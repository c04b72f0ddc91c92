//! The search over thousands: word by word in time, and in each word only at those whom the gaps
//! let pass, group by group. What a group's operatories leave is worked out once for all of its
//! members, and nobody's calendar is looked at where there is no start to find.

use schema::models::pattern::Role;
use smallvec::SmallVec;

use super::super::needs::Parts;
use super::super::sink::{Found, Sink};
use super::Table;
use crate::scheduling::cells::{self, Stretch};
use crate::scheduling::gaps::{Gaps, View};
use crate::scheduling::marks::Marks;
use crate::scheduling::rulebook::roster::{Group, Roster};

/// Finds what starts in the words of a table.
pub(super) fn search<'a>(
    table: &mut Table<'_, 'a>,
    roster: &Roster,
    gaps: &Gaps,
    sink: &mut impl Sink<'a>,
) {
    let needs = &table.context.needs;
    let leads = roster.roles().iter().filter_map(|(role, members)| {
        Some(Lead {
            role: *role,
            parts: needs.of(*role)?,
            members,
            starts: 0,
        })
    });
    let leads: SmallVec<[Lead<'_>; 2]> = leads.collect();
    let chair = needs.of(Role::Operatory);
    let words = table.first..table.first + table.count as i64;
    let asked = (leads.iter().map(|lead| lead.parts).chain(chair))
        .filter_map(Parts::longest)
        .map(|needed| needed.begins_in(words.clone()))
        .reduce(|one, other| one.start.min(other.start)..one.end.max(other.end));
    let view = gaps.view(asked.unwrap_or(words), table.context.diary);
    let (first, end) = table.reach();
    Sweep {
        closed: (first..end).map(|word| !view.open(word)).collect(),
        operatories: operatories(table, roster, &view),
        people: Marks::none(view.count()),
        chairs: Marks::none(view.count()),
        free: Vec::new(),
        table,
        roster,
        view,
        leads,
        chair,
    }
    .search(sink);
}

/// The operatories that the visit may be in, of whomever.
fn operatories(table: &Table<'_, '_>, roster: &Roster, view: &View) -> Marks {
    let (book, search) = (table.context.book, table.context.search);
    if search.operatories.is_empty() {
        return roster.operatories().clone();
    }
    let mut wanted = Marks::none(view.count());
    let found = search
        .operatories
        .iter()
        .filter_map(|id| book.operatories.get(id));
    found.for_each(|operatory| wanted.add(operatory.number));
    wanted.keep(roster.operatories());
    wanted
}

struct Sweep<'t, 'c, 'a> {
    table: &'t mut Table<'c, 'a>,
    roster: &'t Roster,
    view: View,
    /// By the role that they have in the visit.
    leads: SmallVec<[Lead<'t>; 2]>,
    /// What the visit needs of an operatory.
    chair: Option<&'t Parts>,
    /// When nobody at all is open, in the words of a row.
    closed: Vec<u64>,
    operatories: Marks,
    /// Who may have time in the word that is looked at, and which operatories.
    people: Marks,
    chairs: Marks,
    /// Of a group: starts at which an operatory is free, and its place among the seats.
    free: Vec<(u64, usize)>,
}

/// Those who offer a treatment in one role.
struct Lead<'t> {
    role: Role,
    parts: &'t Parts,
    members: &'t Marks,
    /// The starts of the word that can be theirs.
    starts: u64,
}

impl<'a> Sweep<'_, '_, 'a> {
    fn search(&mut self, sink: &mut impl Sink<'a>) {
        for word in 0..self.table.count {
            // Of all places the first one may have the most to add.
            let Some(before) = self.table.starts_before(word, sink.bound(0)) else {
                break;
            };
            if self.begin(word, before) {
                self.visit_groups(word, sink);
            }
            let next = cells::minute(self.table.first + word as i64 + 1, 0);
            if sink.is_done(next) {
                break;
            }
        }
    }

    /// Looks who may have time in a word; `false` when nobody has.
    fn begin(&mut self, word: usize, before: u64) -> bool {
        let visit = Stretch::minutes(0, self.table.context.needs.duration);
        let closed = visit.meets(&self.closed, self.table.before + word);
        let starts = self.table.grid[word] & before & !closed;
        if starts == 0 {
            return false;
        }
        let number = self.table.first + word as i64;
        self.chairs.clear();
        match self.chair.and_then(Parts::longest) {
            Some(needed) => (self.view).mark(needed, number, &self.operatories, &mut self.chairs),
            None => self.chairs.add_these(&self.operatories),
        }
        if self.chairs.is_empty() {
            return false;
        }
        self.people.clear();
        for lead in &mut self.leads {
            lead.starts = starts;
            for (role, parts) in self.table.context.needs.others(lead.role) {
                if role != Role::Equipment && lead.starts != 0 {
                    lead.starts &= self.table.served(role, parts, None, word);
                }
            }
            if lead.starts == 0 {
                continue;
            }
            match lead.parts.longest() {
                Some(needed) => (self.view).mark(needed, number, lead.members, &mut self.people),
                None => self.people.add_these(lead.members),
            }
        }
        true
    }

    fn visit_groups(&mut self, word: usize, sink: &mut impl Sink<'a>) {
        let roster = self.roster;
        let (mut at, mut place) = (0, 0);
        while let Some(number) = self.people.next(at) {
            let Some((found, group)) = roster.group_of(number, place) else {
                break;
            };
            (at, place) = (group.end, found);
            self.visit(group, word, sink);
        }
    }

    fn visit(&mut self, group: &Group, word: usize, sink: &mut impl Sink<'a>) {
        let Some(lead) = self.leads.iter().find(|lead| lead.role == group.role) else {
            return;
        };
        let parts = lead.parts;
        let Some(before) = self.table.starts_before(word, sink.bound(group.first)) else {
            return;
        };
        let any = self.in_chairs(group, lead.starts & before, word);
        if any == 0 {
            return;
        }
        for member in self.roster.members(group) {
            let (number, place) = (member.number(), member.place());
            let before = self.table.starts_before(word, sink.bound(place));
            let starts = any & before.unwrap_or(0);
            if starts == 0 || !self.people.has(number) {
                continue;
            }
            let own = self.table.taken_on(number);
            let starts = starts & !self.table.meets(&parts.taken_cells, own, word);
            if starts != 0 {
                self.take(number, place, starts, word, sink);
            }
        }
    }

    /// Those of `starts` at which one of a group's operatories is open and free, with whatever else
    /// has to be there. Leaves behind which ones are.
    fn in_chairs(&mut self, group: &Group, starts: u64, word: usize) -> u64 {
        self.free.clear();
        let mut any = 0;
        if starts == 0 {
            return any;
        }
        let context = self.table.context;
        let table = &mut *self.table;
        let anyone = || {
            let member = self.roster.members(group).first()?;
            context.book.person(member.number())
        };
        let equipment = context.needs.of(Role::Equipment);
        for chair in self.roster.chairs(group) {
            if !self.chairs.has(chair.number()) {
                continue;
            }
            let seat = || anyone()?.seats().get(chair.seat());
            let hours = match table.fits.place(chair.schedule()) {
                Some(row) => row,
                None => match seat() {
                    Some(seat) => table.fits_in(&seat.schedule),
                    None => continue,
                },
            };
            let mut found = starts & table.fits.words[hours + word];
            if let (Some(parts), true) = (self.chair, found != 0) {
                let row = table.taken_on(chair.number());
                found &= !table.meets(&parts.taken_cells, row, word);
            }
            if let (Some(parts), true) = (equipment, found != 0) {
                let clinic = seat().map(|seat| seat.clinic);
                found &= table.served(Role::Equipment, parts, clinic, word);
            }
            if found != 0 {
                any |= found;
                self.free.push((found, chair.seat()));
            }
        }
        any
    }

    /// Takes those of `starts` that the provider's daily cap leaves.
    fn take(
        &mut self,
        number: usize,
        place: usize,
        mut starts: u64,
        word: usize,
        sink: &mut impl Sink<'a>,
    ) {
        let Some(provider) = self.table.context.book.person(number) else {
            return;
        };
        if let Some(full) = self.table.full_days(provider, word..word + 1) {
            starts &= full.iter().fold(u64::MAX, |left, full| left & !full);
        }
        while starts != 0 {
            let bit = starts.trailing_zeros();
            starts &= starts - 1;
            let start = cells::minute(self.table.first + word as i64, bit);
            if sink.bound(place).is_some_and(|bound| start >= bound) {
                break;
            }
            let free = self.free.iter().filter(|(free, _)| free >> bit & 1 == 1);
            let seats = free.filter_map(|(_, seat)| provider.seats().get(*seat));
            sink.take(Found {
                start,
                place,
                provider,
                seats: seats.collect(),
            });
        }
    }
}
