import { describe, expect, it } from 'vitest';
import type { Assignment } from '$lib/api';
import { closedSpans, openSpans } from './hours';

const GUAYAQUIL = 'America/Guayaquil';
const DENTIST = { kind: 'dentist', ownerId: 'd1' } as const;
const MONDAY = '2027-03-01';

function assignment(
	operatoryId: string,
	hours: [number, string, string][],
	extra = {}
): Assignment {
	return {
		id: operatoryId,
		dentistId: 'd1',
		operatoryId,
		validFrom: '2027-01-01',
		validTo: null,
		hours: hours.map(([weekday, from, to]) => ({ weekday, from, to })),
		...extra
	};
}

const open = (
	assignments: Assignment[],
	column: any = DENTIST,
	date = MONDAY,
	clinic = GUAYAQUIL
) =>
	openSpans(column, date, assignments, () => clinic, GUAYAQUIL).map(
		({ start, end }) => `${start.slice(5)} ${end.slice(5)}`
	);

describe('opening hours', () => {
	it('are those of the weekday', () => {
		const week = [
			assignment('o1', [
				[1, '09:00', '13:00'],
				[1, '15:00', '18:00'],
				[2, '08:00', '12:00']
			])
		];
		expect(open(week)).toEqual(['03-01T09:00 03-01T13:00', '03-01T15:00 03-01T18:00']);
		expect(open(week, DENTIST, '2027-03-03')).toEqual([]);
	});

	it('join across the operatories of a dentist, and stay apart for each operatory', () => {
		const two = [
			assignment('o1', [[1, '09:00', '12:00']]),
			assignment('o2', [[1, '12:00', '14:00']])
		];
		expect(open(two)).toEqual(['03-01T09:00 03-01T14:00']);
		expect(open(two, { kind: 'operatory', ownerId: 'o2' })).toEqual(['03-01T12:00 03-01T14:00']);
	});

	it('count only between the dates of the assignment', () => {
		const hours: [number, string, string][] = [[1, '09:00', '12:00']];
		expect(open([assignment('o1', hours, { validFrom: '2027-03-02' })])).toEqual([]);
		expect(open([assignment('o1', hours, { validTo: '2027-02-28' })])).toEqual([]);
		expect(open([assignment('o1', hours, { validTo: MONDAY })])).toHaveLength(1);
	});

	it("are converted from the clinic's zone, also across midnight", () => {
		// Madrid is six hours ahead of Guayaquil in winter: its Tuesday 02:00–08:00 begins on Guayaquil's Monday.
		const madrid = [assignment('o1', [[2, '02:00', '08:00']])];
		expect(open(madrid, DENTIST, MONDAY, 'Europe/Madrid')).toEqual(['03-01T20:00 03-02T00:00']);
		expect(open(madrid, DENTIST, '2027-03-02', 'Europe/Madrid')).toEqual([
			'03-02T00:00 03-02T02:00'
		]);
	});
});

it('closed is the rest of the day', () => {
	const spans = [{ start: `${MONDAY}T09:00`, end: `${MONDAY}T13:00` }];
	expect(closedSpans(MONDAY, spans)).toEqual([
		{ start: `${MONDAY}T00:00`, end: `${MONDAY}T09:00` },
		{ start: `${MONDAY}T13:00`, end: '2027-03-02T00:00' }
	]);
	expect(closedSpans(MONDAY, [])).toEqual([{ start: `${MONDAY}T00:00`, end: '2027-03-02T00:00' }]);
	expect(closedSpans(MONDAY, [{ start: `${MONDAY}T00:00`, end: '2027-03-02T00:00' }])).toEqual([]);
});
