import { expect, it } from 'vitest';
import { afterClose, backoffMs, delayAfter } from '../src/close-codes.js';

const LIMITS = { baseMs: 500, maxMs: 30_000 };

it.each([
	[4001, 'new-token'],
	[4003, 'stop'],
	[4008, 'stop'],
	[4101, 'back-off'],
	[4102, 'back-off'],
	[4201, 'now'],
	[4203, 'now'],
	[1006, 'retry'],
	[1001, 'retry']
] as const)('close code %i means %s', (code, meaning) => {
	expect(afterClose(code)).toBe(meaning);
});

it('doubles up to the limit, with the upper half random', () => {
	const low = [1, 2, 3, 10].map((failures) => backoffMs(failures, LIMITS, () => 0));
	const high = [1, 2, 3, 10].map((failures) => backoffMs(failures, LIMITS, () => 1));
	expect(low).toEqual([250, 500, 1000, 15_000]);
	expect(high).toEqual([500, 1000, 2000, 30_000]);
});

it('gives an overloaded server at least a second', () => {
	expect(delayAfter('back-off', 1, LIMITS, () => 0)).toBeGreaterThanOrEqual(1000);
});

it('comes back at once when told to, but only once in a row', () => {
	expect(delayAfter('now', 1, LIMITS, () => 0.5)).toBe(0);
	expect(delayAfter('now', 2, LIMITS, () => 0.5)).toBeGreaterThan(0);
});
