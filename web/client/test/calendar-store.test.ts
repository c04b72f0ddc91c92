import { describe, expect, it, vi } from 'vitest';
import { CalendarStore } from '../src/calendar-store.js';
import type { Entry, Op } from '../src/protocol.js';

const RANGE = { from: '2027-03-01T00:00:00Z', to: '2027-03-08T00:00:00Z' };

function entry(id: string, day = '03', hour = '10'): Entry {
	return {
		id,
		kind: 'appointment',
		start: `2027-03-${day}T${hour}:00:00Z`,
		end: `2027-03-${day}T${hour}:30:00Z`
	};
}

function storeAt(version: number, ...entries: Entry[]): CalendarStore {
	const store = new CalendarStore('c', RANGE);
	store.applySnapshot({ calendar: 'c', epoch: 'e1', version, entries });
	return store;
}

function delta(prev: number, version: number, ops: Op[] = [], epoch = 'e1') {
	return { calendar: 'c', epoch, prev, version, ops };
}

const ids = (store: CalendarStore) => store.entries.map((e) => e.id);

describe('the client rule', () => {
	it('applies a change that starts where the store stands', () => {
		const store = storeAt(5, entry('a'));
		expect(store.applyDelta(delta(5, 6, [{ put: entry('b', '04') }, { del: 'a' }]))).toBe(
			'applied'
		);
		expect(ids(store)).toEqual(['b']);
		expect(store.position).toEqual({ epoch: 'e1', version: 6 });
	});

	it('drops a change that is already in, without touching anything', () => {
		const store = storeAt(5, entry('a'));
		expect(store.applyDelta(delta(4, 5, [{ del: 'a' }]))).toBe('dropped');
		expect(store.applyDelta(delta(2, 3, [{ del: 'a' }]))).toBe('dropped');
		expect(ids(store)).toEqual(['a']);
	});

	it('reports a gap for a change that skips a version, and waits for the missing one', () => {
		const store = storeAt(5);
		expect(store.applyDelta(delta(6, 7, [{ put: entry('late') }]))).toBe('gap');
		expect(ids(store)).toEqual([]);
		expect(store.position?.version).toBe(5);
		expect(store.applyDelta(delta(5, 6))).toBe('applied');
		expect(store.applyDelta(delta(6, 7, [{ put: entry('late') }]))).toBe('applied');
		expect(ids(store)).toEqual(['late']);
	});

	it('applies a merged change over several versions', () => {
		const store = storeAt(41);
		expect(store.applyDelta(delta(41, 57, [{ put: entry('x') }]))).toBe('applied');
		expect(store.position?.version).toBe(57);
	});

	it('reports a gap for a merged change that starts before and ends after the store', () => {
		expect(storeAt(50).applyDelta(delta(41, 57))).toBe('gap');
	});

	it('never applies a change of another epoch, whatever its numbers', () => {
		const store = storeAt(5, entry('a'));
		expect(store.applyDelta(delta(5, 6, [{ del: 'a' }], 'e2'))).toBe('gap');
		expect(store.applyDelta(delta(1, 2, [{ del: 'a' }], 'e2'))).toBe('gap');
		expect(ids(store)).toEqual(['a']);
	});

	it('does the same for every order and repetition of the same changes', () => {
		const changes = [
			delta(1, 2, [{ put: entry('a') }]),
			delta(2, 3, [{ put: entry('b', '04') }]),
			delta(3, 4, [{ del: 'a' }]),
			delta(4, 5, [{ put: entry('a', '05') }])
		];
		const store = storeAt(1);
		// Each is offered again and again, in a wrong order, until the store stands at the end.
		for (let round = 0; round < changes.length; round++) {
			for (const change of [...changes].reverse()) store.applyDelta(change);
		}
		expect(store.position?.version).toBe(5);
		expect(ids(store)).toEqual(['b', 'a']);
	});
});

describe('snapshots, resumption, reset', () => {
	it('replaces everything by a snapshot', () => {
		const store = storeAt(5, entry('a'));
		store.applySnapshot({ calendar: 'c', epoch: 'e2', version: 1, entries: [entry('b')] });
		expect(ids(store)).toEqual(['b']);
		expect(store.position).toEqual({ epoch: 'e2', version: 1 });
	});

	it('keeps its entries when resumed in the same epoch, and asks again in another', () => {
		const store = storeAt(5, entry('a'));
		store.markStale();
		expect(store.applyResumed({ calendar: 'c', epoch: 'e1', version: 9 })).toBe('applied');
		expect(store.status).toBe('live');
		// `resumed` names where the deltas will end; the store itself has not moved.
		expect(store.position?.version).toBe(5);
		expect(store.applyResumed({ calendar: 'c', epoch: 'e2', version: 9 })).toBe('gap');
	});

	it('shows nothing after a reset', () => {
		const store = storeAt(5, entry('a'));
		store.applyReset();
		expect(store.entries).toEqual([]);
		expect(store.position).toBeNull();
		expect(store.status).toBe('loading');
	});

	it('is behind a mark only when the mark is ahead', () => {
		const store = storeAt(5);
		expect([4, 5, 6].map((version) => store.isBehind(version))).toEqual([false, false, true]);
	});
});

describe('the range', () => {
	it('drops entries outside of it and those that move out', () => {
		const store = storeAt(5, entry('in'), entry('out', '20'));
		expect(ids(store)).toEqual(['in']);
		store.applyDelta(delta(5, 6, [{ put: entry('in', '09') }, { put: entry('far', '08', '00') }]));
		expect(ids(store)).toEqual([]);
	});

	it('needs a snapshot for another range, and shows the old entries meanwhile', () => {
		const store = storeAt(5, entry('a'));
		store.moveTo({ from: '2027-03-08T00:00:00Z', to: '2027-03-15T00:00:00Z' });
		expect(store.position).toBeNull();
		expect(ids(store)).toEqual(['a']);
	});
});

it('tells when a version is there', async () => {
	const store = storeAt(5);
	const told = vi.fn();
	const waiting = store.reached(7).then(told);
	store.applyDelta(delta(5, 6));
	await Promise.resolve();
	expect(told).not.toHaveBeenCalled();
	store.applyDelta(delta(6, 7));
	await waiting;
	expect(told).toHaveBeenCalledOnce();
});

it('tells that a version will not come when the calendar is refused', async () => {
	const store = storeAt(5);
	const waiting = store.reached(6);
	store.fail('forbidden');
	await expect(waiting).rejects.toMatchObject({ code: 'forbidden' });
	await expect(store.reached(1)).rejects.toMatchObject({ code: 'forbidden' });
});
