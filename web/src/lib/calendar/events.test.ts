import { expect, it } from 'vitest';
import type { Entry } from '@denticloud/client';
import type { Treatment } from '$lib/api';
import { en } from '$lib/i18n/en';
import { findAppointment, toEvent, type Appearance } from './events';

const TREATMENT: Treatment = {
	id: 't1',
	code: 'D1110',
	name: 'Cleaning',
	nameEs: 'Limpieza',
	nameEn: null,
	durationMin: 30,
	color: '#3366cc'
};
const APPEARANCE: Appearance = {
	zone: 'America/Guayaquil',
	texts: en,
	language: 'es',
	treatments: new Map([['t1', TREATMENT]])
};
const ENTRY: Entry = {
	id: 'e1',
	kind: 'appointment',
	start: '2027-03-03T15:00:00Z',
	end: '2027-03-03T15:30:00Z',
	appointment: {
		id: 'a1',
		version: 3,
		start: '2027-03-03T15:00:00Z',
		end: '2027-03-03T15:30:00Z',
		patientName: 'Ana Vera',
		treatmentId: 't1',
		treatmentName: 'Cleaning',
		dentistId: 'd1',
		operatoryId: 'o1',
		status: 'scheduled'
	}
};

it("is drawn at the practice's wall clock", () => {
	const event = toEvent(ENTRY, 'c1', APPEARANCE);
	expect(event).toMatchObject({
		start: '2027-03-03T10:00',
		end: '2027-03-03T10:30',
		resourceIds: ['c1'],
		extendedProps: { heading: 'Ana Vera', detail: 'Limpieza', hours: '10:00–10:30' }
	});
});

it('has an id per column, since one appointment has an entry in each', () => {
	expect(toEvent(ENTRY, 'c1', APPEARANCE).id).not.toBe(toEvent(ENTRY, 'c2', APPEARANCE).id);
});

it('shows a busy span without anything else', () => {
	const { appointment: _, ...span } = { ...ENTRY, kind: 'busy' as const };
	const event = toEvent(span, 'c1', APPEARANCE);
	expect(event.extendedProps).toMatchObject({ heading: 'Busy', detail: '' });
	expect(event.editable).toBe(false);
});

it.each([
	['scheduled', true],
	['confirmed', true],
	['in_chair', false],
	['completed', false]
] as const)('can be dragged while %s: %s', (status, editable) => {
	const entry = { ...ENTRY, appointment: { ...ENTRY.appointment!, status } };
	expect(toEvent(entry, 'c1', APPEARANCE).editable).toBe(editable);
});

it('lets no text into the style but a colour', () => {
	const treatments = new Map([['t1', { ...TREATMENT, color: 'red;background:url(x)' }]]);
	expect(toEvent(ENTRY, 'c1', { ...APPEARANCE, treatments }).styles).toEqual([
		'--entry-colour: #0f766e'
	]);
});

it('keeps its length in the hour that occurs twice', () => {
	// New York, 7 November 2027: 01:45 EDT to 01:15 EST is half an hour.
	const entry = { ...ENTRY, start: '2027-11-07T05:45:00Z', end: '2027-11-07T06:15:00Z' };
	const event = toEvent(entry, 'c1', { ...APPEARANCE, zone: 'America/New_York' });
	expect([event.start, event.end]).toEqual(['2027-11-07T01:45', '2027-11-07T02:15']);
});

it('finds an appointment in whichever column has it', () => {
	expect(findAppointment([{ entries: [] }, { entries: [ENTRY] }], 'a1')?.version).toBe(3);
	expect(findAppointment([{ entries: [ENTRY] }], 'a2')).toBeNull();
});
