import { describe, expect, it } from 'vitest';
import {
	addDays,
	addWallMinutes,
	mondayOf,
	offsetText,
	todayIn,
	toInstant,
	toWall,
	wallMinutesBetween,
	weekdayOf
} from './zone';

describe('ordinary times', () => {
	it.each([
		['America/Guayaquil', '2027-03-03T10:00', '2027-03-03T15:00:00Z'],
		['Europe/Madrid', '2027-07-01T10:00', '2027-07-01T08:00:00Z'],
		['Europe/Madrid', '2027-01-01T00:00', '2026-12-31T23:00:00Z'],
		['Asia/Kathmandu', '2027-03-03T10:00', '2027-03-03T04:15:00Z'],
		['Pacific/Kiritimati', '2027-03-03T10:00', '2027-03-02T20:00:00Z'],
		['UTC', '2028-02-29T23:59', '2028-02-29T23:59:00Z']
	])('%s %s is %s and back', (zone, wall, instant) => {
		expect(toInstant(wall, zone)).toBe(instant);
		expect(toWall(instant, zone)).toBe(wall);
	});
});

describe('a gap moves forward by the gap', () => {
	it.each([
		// New York, 14 March 2027: 02:00 becomes 03:00.
		['America/New_York', '2027-03-14T01:59', '2027-03-14T06:59:00Z'],
		['America/New_York', '2027-03-14T02:00', '2027-03-14T07:00:00Z'],
		['America/New_York', '2027-03-14T02:30', '2027-03-14T07:30:00Z'],
		['America/New_York', '2027-03-14T03:00', '2027-03-14T07:00:00Z'],
		// Santiago, 5 September 2027: midnight does not exist.
		['America/Santiago', '2027-09-05T00:00', '2027-09-05T04:00:00Z'],
		['America/Santiago', '2027-09-05T00:30', '2027-09-05T04:30:00Z'],
		// Lord Howe moves by half an hour.
		['Australia/Lord_Howe', '2027-10-03T02:15', '2027-10-02T15:45:00Z']
	])('%s %s is %s', (zone, wall, instant) => {
		expect(toInstant(wall, zone)).toBe(instant);
	});

	it('shows 02:30 in the gap as 03:30', () => {
		const zone = 'America/New_York';
		expect(toWall(toInstant('2027-03-14T02:30', zone), zone)).toBe('2027-03-14T03:30');
	});
});

describe('a fold is the first', () => {
	it.each([
		// New York, 7 November 2027: 01:00–02:00 occurs in EDT and again in EST.
		['America/New_York', '2027-11-07T01:00', '2027-11-07T05:00:00Z'],
		['America/New_York', '2027-11-07T01:30', '2027-11-07T05:30:00Z'],
		['America/New_York', '2027-11-07T02:00', '2027-11-07T07:00:00Z'],
		['Europe/Madrid', '2027-10-31T02:30', '2027-10-31T00:30:00Z'],
		['America/Santiago', '2027-04-03T23:30', '2027-04-04T02:30:00Z']
	])('%s %s is %s', (zone, wall, instant) => {
		expect(toInstant(wall, zone)).toBe(instant);
	});

	it('shows both instants with the same wall clock', () => {
		const zone = 'America/New_York';
		expect(toWall('2027-11-07T05:30:00Z', zone)).toBe('2027-11-07T01:30');
		expect(toWall('2027-11-07T06:30:00Z', zone)).toBe('2027-11-07T01:30');
	});
});

it('goes there and back for every quarter of an hour of a year, outside of folds', () => {
	const zone = 'Europe/Madrid';
	const fold = ['2027-10-31T01:00:00Z', '2027-10-31T02:00:00Z'].map((t) => Date.parse(t));
	for (let ms = Date.UTC(2027, 0, 1); ms < Date.UTC(2028, 0, 1); ms += 15 * 60_000) {
		if (ms >= fold[0]! && ms < fold[1]!) continue;
		expect(Date.parse(toInstant(toWall(ms, zone), zone))).toBe(ms);
	}
});

it('moves the hands of a wall clock without a zone', () => {
	expect(addWallMinutes('2027-03-14T01:30', 60)).toBe('2027-03-14T02:30');
	expect(addWallMinutes('2027-12-31T23:45', 30)).toBe('2028-01-01T00:15');
	expect(wallMinutesBetween('2027-03-14T01:30', '2027-03-15T01:00')).toBe(1410);
});

it('counts days and weeks', () => {
	expect(addDays('2028-02-28', 2)).toBe('2028-03-01');
	expect(weekdayOf('2027-03-14')).toBe(7);
	expect(mondayOf('2027-03-14')).toBe('2027-03-08');
	expect(mondayOf('2027-03-08')).toBe('2027-03-08');
});

it('knows the day of the practice, not that of UTC', () => {
	expect(todayIn('America/Guayaquil', Date.parse('2027-03-03T02:00:00Z'))).toBe('2027-03-02');
});

it('writes offsets', () => {
	expect(offsetText(Date.parse('2027-03-03T00:00:00Z'), 'America/Guayaquil')).toBe('-05:00');
	expect(offsetText(Date.parse('2027-03-03T00:00:00Z'), 'Asia/Kathmandu')).toBe('+05:45');
});
