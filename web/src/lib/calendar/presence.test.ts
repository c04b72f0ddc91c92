import { expect, it } from 'vitest';
import type { Presence } from '@denticloud/client';
import { en } from '$lib/i18n/en';
import { initialsOf, moved, peopleOf, toGhost } from './presence';

const EYES = { zone: 'America/Guayaquil', texts: en, userId: 'me' };
const SPAN = { start: '2027-03-03T15:00:00Z', end: '2027-03-03T15:30:00Z' };
const there = (id: string, name: string, more: Partial<Presence> = {}): Presence => ({
	type: 'presence',
	calendar: 'c1',
	session: `s ${id}`,
	who: { id, name },
	state: 'viewing',
	...more
});

it('names everybody once, and the own other windows as such', () => {
	const people = peopleOf(
		[
			there('u2', 'Zoe Paz'),
			there('u1', 'Ana Vera', { calendar: 'c2' }),
			there('u1', 'Ana Vera', { session: 'another window' }),
			there('me', 'Luis Mora')
		],
		EYES
	);
	expect(people.map(({ name, initials }) => [name, initials])).toEqual([
		['Ana Vera', 'AV'],
		['You, in another window', 'LM'],
		['Zoe Paz', 'ZP']
	]);
});

it.each([
	['Dra. María José Vera', 'MV'],
	['ñaña', 'Ñ'],
	['  ', '']
])('makes initials of %j', (name, initials) => expect(initialsOf(name)).toBe(initials));

it('draws what somebody drags or holds at the clock of the practice', () => {
	const dragged = toGhost(there('u1', 'Ana', { state: 'dragging', span: SPAN }), EYES);
	expect(dragged).toMatchObject({
		start: '2027-03-03T10:00',
		end: '2027-03-03T10:30',
		resourceIds: ['c1'],
		title: 'Ana is moving an appointment',
		classNames: ['ghost', 'ghost-dragging']
	});
	const held = toGhost(there('me', 'Luis', { state: 'holding', span: SPAN }), EYES);
	expect(held?.title).toBe('You, in another window is booking');
});

it('draws nothing for those who only look, or do not say where', () => {
	expect(toGhost(there('u1', 'Ana', { span: SPAN }), EYES)).toBeNull();
	expect(toGhost(there('u1', 'Ana', { state: 'dragging' }), EYES)).toBeNull();
});

it('moves a span by the hands of the clock and keeps its length', () => {
	const later = { start: '2027-03-03T16:15:00Z', end: '2027-03-03T16:45:00Z' };
	expect(moved(SPAN, 75, 'America/Guayaquil')).toEqual(later);
	// From the Friday before a change of clocks to the Monday after: the same clock, an hour earlier.
	const friday = { start: '2027-03-12T15:00:00Z', end: '2027-03-12T15:30:00Z' };
	expect(moved(friday, 3 * 1440, 'America/New_York')).toEqual({
		start: '2027-03-15T14:00:00Z',
		end: '2027-03-15T14:30:00Z'
	});
});
