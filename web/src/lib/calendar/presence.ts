// Who else is on the shown calendars, and what they are about to take. Pure.

import type { Presence, Span } from '@denticloud/client';
import type { Calendar as EventCalendar } from '@event-calendar/core';
import type { Dictionary } from '$lib/i18n/es';
import { fill } from '$lib/i18n/texts';
import { addWallMinutes, toInstant, toWall } from '$lib/zone';

/** Somebody who looks at the same calendars, from one window or several. */
export interface Person {
	id: string;
	name: string;
	initials: string;
}

/** What an event carries that is somebody's intention and no entry. */
export interface GhostProps {
	ghost: Presence;
	words: string;
}

export interface Eyes {
	zone: string;
	texts: Dictionary;
	/** Whose page it is: their other windows are told apart from other people. */
	userId: string | undefined;
}

/** Each person once, by name. */
export function peopleOf(present: Iterable<Presence>, eyes: Eyes): Person[] {
	const people = new Map<string, Person>();
	for (const presence of present) {
		const { id, name } = presence.who;
		people.set(id, { id, name: nameOf(presence, eyes), initials: initialsOf(name) });
	}
	return [...people.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** The first letters of the first and the last name; titles such as `Dra.` are none. */
export function initialsOf(name: string): string {
	const words = name.split(/\s+/).filter((word) => word !== '' && !word.endsWith('.'));
	const chosen = words.length > 1 ? [words[0]!, words.at(-1)!] : words;
	return chosen.map((word) => [...word][0]!.toLocaleUpperCase()).join('');
}

/** Where somebody is dragging or booking, over whatever is there; `null` for those who only look. */
export function toGhost(presence: Presence, eyes: Eyes): EventCalendar.EventInput | null {
	const { calendar, session, span, state } = presence;
	if (!span || (state !== 'dragging' && state !== 'holding')) return null;
	const words = fill(eyes.texts.presence[state], { name: nameOf(presence, eyes) });
	const props: GhostProps = { ghost: presence, words };
	return {
		id: `ghost ${calendar} ${session}`,
		resourceIds: [calendar],
		start: toWall(span.start, eyes.zone),
		end: toWall(span.end, eyes.zone),
		title: words,
		display: 'background',
		classNames: ['ghost', `ghost-${state}`],
		extendedProps: { ...props }
	};
}

/** A span after the hands have moved it by so many minutes. */
export function moved({ start, end }: Span, minutes: number, zone: string): Span {
	const from = toInstant(addWallMinutes(toWall(start, zone), minutes), zone);
	return lasting(from, (Date.parse(end) - Date.parse(start)) / 60_000);
}

export function lasting(start: string, minutes: number): Span {
	const end = new Date(Date.parse(start) + minutes * 60_000);
	return { start, end: end.toISOString().replace('.000Z', 'Z') };
}

function nameOf({ who }: Presence, { texts, userId }: Eyes): string {
	return who.id === userId ? texts.presence.you : who.name;
}
