//! What a visit needs of whom, from its start: the same for every start of a search.

use schema::models::pattern::{Role, Segment};

use crate::scheduling::cells::{self, Stretch};

/// A visit's parts by role.
pub(super) struct Needs {
    /// Minutes.
    pub duration: i64,
    roles: Vec<(Role, Parts)>,
    /// How many words before and after a start's own any part may reach.
    pub reach: (i64, i64),
    /// Whether all parts begin and end with a cell.
    pub on_grid: bool,
}

/// The parts of one role, in minutes from the visit's start.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Time that must be free, buffers included.
    pub taken: Vec<(i64, i64)>,
    /// Time within working hours.
    pub worked: Vec<(i64, i64)>,
    /// The same in cells.
    pub taken_cells: Vec<Stretch>,
    pub worked_cells: Vec<Stretch>,
}

impl Parts {
    fn add(&mut self, segment: &Segment) {
        let taken = (
            segment.from - segment.buffer_before,
            segment.to + segment.buffer_after,
        );
        let worked = (segment.from, segment.to);
        self.taken.push(taken);
        self.worked.push(worked);
        self.taken_cells.push(Stretch::minutes(taken.0, taken.1));
        self.worked_cells.push(Stretch::minutes(worked.0, worked.1));
    }
}

impl Parts {
    /// The longest part without its buffers: it lies within opening hours, which they need not.
    pub(super) fn longest(&self) -> Option<Stretch> {
        let parts = self.worked_cells.iter().copied();
        parts.max_by_key(|part| part.cells)
    }
}

impl Needs {
    pub(super) fn new(segments: &[Segment], duration: i64) -> Self {
        let mut roles: Vec<(Role, Parts)> = Vec::new();
        let whole = Segment {
            role: Role::Operatory,
            from: 0,
            to: duration,
            buffer_before: 0,
            buffer_after: 0,
        };
        let has_operatory = segments.iter().any(|part| part.role == Role::Operatory);
        let all = segments.iter().chain((!has_operatory).then_some(&whole));
        let (mut before, mut after) = Stretch::minutes(0, duration).reach();
        let mut on_grid = cells::on_grid(duration);
        for segment in all {
            let mut known = roles.iter().position(|(role, _)| *role == segment.role);
            let place = *known.get_or_insert_with(|| {
                roles.push((segment.role, Parts::default()));
                roles.len() - 1
            });
            roles[place].1.add(segment);
            let minutes = [
                segment.from,
                segment.to,
                segment.buffer_before,
                segment.buffer_after,
            ];
            on_grid &= minutes.into_iter().all(cells::on_grid);
        }
        for (_, parts) in &roles {
            for stretch in &parts.taken_cells {
                let reach = stretch.reach();
                (before, after) = (before.max(reach.0), after.max(reach.1));
            }
        }
        Self {
            duration,
            roles,
            reach: (before, after),
            on_grid,
        }
    }

    /// What a role has to do.
    pub(super) fn of(&self, role: Role) -> Option<&Parts> {
        let mut roles = self.roles.iter();
        roles
            .find(|(other, _)| *other == role)
            .map(|(_, parts)| parts)
    }

    /// The roles that somebody has to be found for, where `lead` is given and the operatory is
    /// tried in turn.
    pub(super) fn others(&self, lead: Role) -> impl Iterator<Item = (Role, &Parts)> {
        self.roles
            .iter()
            .filter(move |(role, _)| *role != lead && *role != Role::Operatory)
            .map(|(role, parts)| (*role, parts))
    }
}
