// When a column is closed, from the assignments of dentists to operatories. Pure. For shading only: whether a time
// can be booked is the engine's decision.

import type { Assignment, Calendar } from '$lib/api';
import { addDays, toInstant, toWall, weekdayOf, type WallDate, type WallTime } from '$lib/zone';

export interface WallSpan {
	start: WallTime;
	end: WallTime;
}

/** The opening hours of a column on one day, in order, touching ones joined. */
export function openSpans(
	column: Pick<Calendar, 'kind' | 'ownerId'>,
	date: WallDate,
	assignments: Assignment[],
	clinicZoneOf: (operatoryId: string) => string,
	practiceZone: string
): WallSpan[] {
	const spans: WallSpan[] = [];
	for (const assignment of assignments) {
		const owner = column.kind === 'dentist' ? assignment.dentistId : assignment.operatoryId;
		if (owner !== column.ownerId) continue;
		const clinicZone = clinicZoneOf(assignment.operatoryId);
		// In another zone the clinic's hours can begin on the day before or end on the day after.
		const days = clinicZone === practiceZone ? [date] : [addDays(date, -1), date, addDays(date, 1)];
		for (const day of days) {
			for (const span of assignedOn(assignment, day)) {
				spans.push(clip(convert(span, clinicZone, practiceZone), date));
			}
		}
	}
	return join(spans.filter((span) => span.start < span.end));
}

/** The closed spans of each column in the week that begins on `monday`. */
export function closedInWeek(
	columns: Calendar[],
	monday: WallDate,
	assignments: Assignment[],
	practiceZone: string
): { calendarId: string; span: WallSpan }[] {
	// An operatory's calendar is in its clinic's zone.
	const zones = new Map(
		columns.filter((c) => c.kind === 'operatory').map((c) => [c.ownerId, c.zone])
	);
	const zoneOf = (operatoryId: string) => zones.get(operatoryId) ?? practiceZone;
	const days = [0, 1, 2, 3, 4, 5, 6].map((n) => addDays(monday, n));
	return columns.flatMap((column) =>
		days.flatMap((day) =>
			closedSpans(day, openSpans(column, day, assignments, zoneOf, practiceZone)).map((span) => ({
				calendarId: column.id,
				span
			}))
		)
	);
}

/** What is left of the day outside of the opening hours. */
export function closedSpans(date: WallDate, open: WallSpan[]): WallSpan[] {
	const closed: WallSpan[] = [];
	let from: WallTime = `${date}T00:00`;
	for (const span of open) {
		if (from < span.start) closed.push({ start: from, end: span.start });
		from = span.end;
	}
	const midnight = `${addDays(date, 1)}T00:00`;
	if (from < midnight) closed.push({ start: from, end: midnight });
	return closed;
}

function assignedOn(assignment: Assignment, day: WallDate): WallSpan[] {
	if (day < assignment.validFrom) return [];
	if (assignment.validTo !== null && day > assignment.validTo) return [];
	return assignment.hours
		.filter((hours) => hours.weekday === weekdayOf(day))
		.map(({ from, to }) => ({
			start: `${day}T${from.slice(0, 5)}`,
			// "24:00" and "00:00" both mean the midnight at the day's end.
			end:
				to.slice(0, 5) === '24:00' || to.slice(0, 5) === '00:00'
					? `${addDays(day, 1)}T00:00`
					: `${day}T${to.slice(0, 5)}`
		}));
}

function convert(span: WallSpan, from: string, to: string): WallSpan {
	if (from === to) return span;
	return {
		start: toWall(toInstant(span.start, from), to),
		end: toWall(toInstant(span.end, from), to)
	};
}

function clip(span: WallSpan, date: WallDate): WallSpan {
	const [dayStart, dayEnd] = [`${date}T00:00`, `${addDays(date, 1)}T00:00`];
	return {
		start: span.start < dayStart ? dayStart : span.start,
		end: span.end > dayEnd ? dayEnd : span.end
	};
}

function join(spans: WallSpan[]): WallSpan[] {
	const joined: WallSpan[] = [];
	for (const span of [...spans].sort((a, b) => (a.start < b.start ? -1 : 1))) {
		const last = joined.at(-1);
		if (last && span.start <= last.end) {
			if (span.end > last.end) last.end = span.end;
		} else joined.push({ ...span });
	}
	return joined;
}
