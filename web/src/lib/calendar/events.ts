// From entries to what Event Calendar draws. Pure. Event Calendar knows no zones beyond a fixed offset: it is given
// wall clocks of the practice as they stand, and what it answers is read as wall clocks too.

import type { Entry, EntryAppointment } from '@denticloud/client';
import type { Calendar as EventCalendar } from '@event-calendar/core';
import type { Calendar, Treatment } from '$lib/api';
import type { Dictionary } from '$lib/i18n/es';
import type { Language } from '$lib/i18n/language.svelte';
import { addWallMinutes, toWall } from '$lib/zone';
import type { WallSpan } from './hours';

/** What an event carries for the cell that draws it and for the handlers. */
export interface EventProps {
	entry: Entry;
	calendarId: string;
	/** `10:00–10:30` in the practice's clock. */
	hours: string;
	heading: string;
	detail: string;
}

export interface Appearance {
	zone: string;
	texts: Dictionary;
	language: Language;
	treatments: ReadonlyMap<string, Treatment>;
}

/** Statuses in which the visit has not begun, so that it can still be moved. */
const MOVABLE = new Set(['scheduled', 'confirmed']);
const COLOUR = /^#[0-9a-f]{6}$/i;
const DEFAULT_COLOUR = '#0f766e';
const GREY = '#64748b';

export function toEvent(
	entry: Entry,
	calendarId: string,
	appearance: Appearance
): EventCalendar.EventInput {
	const start = toWall(entry.start, appearance.zone);
	const end = wallEnd(entry, start, appearance.zone);
	const { heading, detail } = describe(entry, appearance);
	const props: EventProps = {
		entry,
		calendarId,
		hours: `${start.slice(11)}–${end.slice(11)}`,
		heading,
		detail
	};
	const movable = entry.appointment !== undefined && MOVABLE.has(entry.appointment.status);
	return {
		id: `${calendarId} ${entry.id}`,
		resourceIds: [calendarId],
		start,
		end,
		title: heading,
		editable: movable,
		durationEditable: false,
		classNames: ['entry', `entry-${entry.kind}`, `status-${entry.appointment?.status ?? 'none'}`],
		styles: [`--entry-colour: ${colour(entry, appearance)}`],
		extendedProps: { ...props }
	};
}

export function toClosedEvent(span: WallSpan, calendarId: string): EventCalendar.EventInput {
	return {
		id: `closed ${calendarId} ${span.start}`,
		resourceIds: [calendarId],
		start: span.start,
		end: span.end,
		display: 'background',
		classNames: ['closed']
	};
}

export function toResource(calendar: Calendar): EventCalendar.ResourceInput {
	return { id: calendar.id, title: calendar.name, extendedProps: { kind: calendar.kind } };
}

export function treatmentName(
	treatment: Treatment | undefined,
	language: Language,
	fallback = ''
): string {
	if (!treatment) return fallback;
	return (language === 'es' ? treatment.nameEs : treatment.nameEn) || treatment.name;
}

/** In the hour that occurs twice an end can show an earlier clock than its start: then the real length counts. */
function wallEnd(entry: Entry, start: string, zone: string): string {
	const end = toWall(entry.end, zone);
	if (end > start) return end;
	return addWallMinutes(start, (Date.parse(entry.end) - Date.parse(entry.start)) / 60_000);
}

function describe(entry: Entry, { texts, language, treatments }: Appearance) {
	if (!entry.appointment) {
		const kind = entry.kind === 'appointment' ? 'busy' : entry.kind;
		return { heading: entry.title || texts.calendar[kind], detail: '' };
	}
	return {
		heading: entry.appointment.patientName || texts.appointment.hidden,
		detail: treatmentName(
			treatments.get(entry.appointment.treatmentId),
			language,
			entry.appointment.treatmentName
		)
	};
}

function colour(entry: Entry, { treatments }: Appearance): string {
	if (!entry.appointment) return GREY;
	const own = treatments.get(entry.appointment.treatmentId)?.color;
	return own && COLOUR.test(own) ? own : DEFAULT_COLOUR;
}

/** The appointment as the followed calendars know it now; it has an entry in each of them. */
export function findAppointment(
	columns: Iterable<{ entries: Entry[] }>,
	appointmentId: string
): EntryAppointment | null {
	for (const { entries } of columns) {
		const entry = entries.find((e) => e.appointment?.id === appointmentId);
		if (entry?.appointment) return entry.appointment;
	}
	return null;
}
