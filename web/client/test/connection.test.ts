import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DentiCloudClient } from '../src/client.js';
import { FakeSocket } from './fake-socket.js';

const RANGE = { from: '2027-03-01T00:00:00Z', to: '2027-03-08T00:00:00Z' };
let tokens: boolean[];
let client: DentiCloudClient;

/** Lets the promise of the token settle. */
const settle = () => vi.advanceTimersByTimeAsync(0);

async function start(options = {}): Promise<FakeSocket> {
	client = new DentiCloudClient({
		url: 'ws://practice.test/ws',
		token: (fresh) => {
			tokens.push(fresh);
			return `token-${tokens.length}`;
		},
		tenant: 't1',
		WebSocket: FakeSocket,
		random: () => 0.5,
		...options
	});
	client.open();
	await settle();
	return FakeSocket.last;
}

beforeEach(() => {
	vi.useFakeTimers();
	FakeSocket.all = [];
	tokens = [];
});

afterEach(() => {
	client.close();
	vi.useRealTimers();
});

describe('the session', () => {
	it('connects with the subprotocol, the token and the workspace', async () => {
		const socket = await start();
		expect(socket.protocol).toBe('denticloud.v1');
		socket.open();
		expect(socket.sent).toEqual([{ id: 1, type: 'connect', token: 'token-1', tenant: 't1' }]);
		expect(client.state).toBe('connecting');
		socket.receive({ type: 'connected', id: 1, ttlMs: 900_000 });
		expect(client.state).toBe('live');
	});

	it('sends a fresh token a minute before the old one ends, and again after that', async () => {
		const socket = await start();
		socket.accept({ ttlMs: 900_000 });
		await vi.advanceTimersByTimeAsync(839_000);
		expect(socket.sentOf('refresh')).toEqual([]);
		await vi.advanceTimersByTimeAsync(1_000);
		const [refresh] = socket.sentOf('refresh');
		expect(refresh).toMatchObject({ token: 'token-2' });
		expect(tokens).toEqual([false, true]);
		socket.receive({ type: 'ok', id: refresh!.id, ttlMs: 900_000 });
		await vi.advanceTimersByTimeAsync(840_000);
		expect(socket.sentOf('refresh')).toHaveLength(2);
	});
});

it('says at once that it has no WebSocket to open', () => {
	vi.stubGlobal('WebSocket', undefined);
	try {
		const bare = new DentiCloudClient({ url: 'ws://practice.test/ws' });
		expect(() => bare.open()).toThrow('no WebSocket here');
		expect(bare.state).toBe('idle');
	} finally {
		vi.unstubAllGlobals();
	}
});

describe('after a loss', () => {
	it('grows the delay while attempts fail and starts small again after a good connection', async () => {
		(await start()).lose(1006);
		const delays = [375, 750, 1500];
		for (const [attempt, delay] of delays.entries()) {
			await vi.advanceTimersByTimeAsync(delay - 1);
			expect(FakeSocket.all).toHaveLength(attempt + 1);
			await vi.advanceTimersByTimeAsync(1);
			expect(FakeSocket.all).toHaveLength(attempt + 2);
			if (attempt < 2) FakeSocket.last.lose(1006);
		}
		FakeSocket.last.accept();
		FakeSocket.last.lose(1006);
		await vi.advanceTimersByTimeAsync(375);
		expect(FakeSocket.all).toHaveLength(5);
	});

	it('comes back at once when the server is draining', async () => {
		(await start()).accept();
		FakeSocket.last.lose(4201);
		await settle();
		expect(FakeSocket.all).toHaveLength(2);
	});

	it('waits at least a second when the server is overloaded', async () => {
		(await start()).accept();
		FakeSocket.last.lose(4101);
		await vi.advanceTimersByTimeAsync(999);
		expect(FakeSocket.all).toHaveLength(1);
		await vi.advanceTimersByTimeAsync(1_000);
		expect(FakeSocket.all).toHaveLength(2);
	});

	it('asks for a fresh token after 4001, and gives up when that is refused too', async () => {
		(await start()).accept();
		FakeSocket.last.lose(4001);
		await settle();
		expect(tokens).toEqual([false, true]);
		FakeSocket.last.lose(4001);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(FakeSocket.all).toHaveLength(2);
		expect([client.state, client.closeReason]).toEqual(['closed', 'unauthorized']);
	});

	it('does not come back after 4003', async () => {
		(await start()).accept();
		FakeSocket.last.lose(4003);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(FakeSocket.all).toHaveLength(1);
		expect([client.state, client.closeReason]).toEqual(['closed', 'forbidden']);
	});

	it('tries at once when woken', async () => {
		(await start()).lose(1006);
		client.wake();
		await settle();
		expect(FakeSocket.all).toHaveLength(2);
	});

	it('replaces a socket that has gone silent although a calendar is followed', async () => {
		(await start()).accept();
		client.follow('c1', RANGE);
		await vi.advanceTimersByTimeAsync(30_000);
		FakeSocket.last.receive({ type: 'mark', positions: {} });
		await vi.advanceTimersByTimeAsync(30_000);
		expect(FakeSocket.all).toHaveLength(1);
		await vi.advanceTimersByTimeAsync(5_001);
		expect(FakeSocket.all).toHaveLength(2);
	});

	it('makes no further attempt once closed', async () => {
		(await start()).lose(1006);
		client.close();
		await vi.advanceTimersByTimeAsync(60_000);
		expect(FakeSocket.all).toHaveLength(1);
	});
});

describe('following', () => {
	const snapshot = (socket: FakeSocket, version: number, extra = {}) =>
		socket.receive({
			type: 'snapshot',
			id: socket.sentOf('subscribe').at(-1)!.id,
			calendar: 'c1',
			epoch: 'e1',
			version,
			entries: [],
			...extra
		});

	it('resumes from where it stood after a loss', async () => {
		(await start()).accept();
		const store = client.follow('c1', RANGE);
		expect(FakeSocket.last.sentOf('subscribe')[0]).not.toHaveProperty('since');
		snapshot(FakeSocket.last, 41);
		FakeSocket.last.lose(4201);
		expect(store.status).toBe('stale');
		await settle();
		FakeSocket.last.accept();
		expect(FakeSocket.last.sentOf('subscribe')).toMatchObject([
			{ calendar: 'c1', range: RANGE, since: { epoch: 'e1', version: 41 } }
		]);
	});

	it('asks again, once, with `since` at a gap', async () => {
		const socket = await start();
		socket.accept();
		client.follow('c1', RANGE);
		snapshot(socket, 5);
		for (const version of [7, 8]) {
			socket.receive({
				type: 'delta',
				calendar: 'c1',
				epoch: 'e1',
				prev: version - 1,
				version,
				ops: []
			});
		}
		expect(socket.sentOf('subscribe').slice(1)).toMatchObject([
			{ since: { epoch: 'e1', version: 5 } }
		]);
	});

	it('asks again when a mark is ahead', async () => {
		const socket = await start();
		socket.accept();
		client.follow('c1', RANGE);
		snapshot(socket, 5);
		socket.receive({ type: 'mark', positions: { c1: 5, other: 9 } });
		expect(socket.sentOf('subscribe')).toHaveLength(1);
		socket.receive({ type: 'mark', positions: { c1: 6 } });
		expect(socket.sentOf('subscribe')).toHaveLength(2);
	});

	it('starts from a snapshot after a reset', async () => {
		const socket = await start();
		socket.accept();
		client.follow('c1', RANGE);
		snapshot(socket, 5);
		socket.receive({ type: 'reset', calendar: 'c1', reason: 'access_changed' });
		expect(socket.sentOf('subscribe')[1]).not.toHaveProperty('since');
	});

	it('ignores the answer about a range that is no longer shown', async () => {
		const socket = await start();
		socket.accept();
		const store = client.follow('c1', RANGE);
		const older = socket.sentOf('subscribe')[0]!.id;
		client.follow('c1', { from: RANGE.to, to: '2027-03-15T00:00:00Z' });
		snapshot(socket, 5, { id: older });
		expect(store.status).toBe('loading');
		snapshot(socket, 5);
		expect(store.status).toBe('live');
	});

	it('says who is there once it is followed, and again after a loss', async () => {
		const socket = await start();
		client.follow('c1', RANGE);
		client.presence('c1', 'viewing');
		socket.accept();
		const state = { calendar: 'c1', epoch: 'e', version: 5 };
		const answer = (on: FakeSocket, type: string) =>
			on.receive({ ...state, type, id: on.sentOf('subscribe')[0]!.id, entries: [] });
		// Before the answer the server does not know that it is followed.
		expect(socket.sentOf('presence')).toEqual([]);
		answer(socket, 'snapshot');
		expect(socket.sentOf('presence')).toHaveLength(1);
		const ana = { session: 's', who: { id: 'u', name: 'Ana' }, state: 'viewing' };
		socket.receive({ type: 'presence', calendar: 'c1', ...ana });
		expect(client.others('c1')).toHaveLength(1);
		socket.lose(4201);
		expect(client.others('c1')).toEqual([]);
		await vi.advanceTimersByTimeAsync(0);
		FakeSocket.last.accept();
		answer(FakeSocket.last, 'resumed');
		expect(FakeSocket.last.sentOf('presence')).toHaveLength(1);
		client.unfollow('c1');
		await vi.advanceTimersByTimeAsync(20_000);
		expect(FakeSocket.last.sentOf('presence')).toHaveLength(1);
	});

	it('is seen anew for another workspace', async () => {
		const socket = await start();
		socket.accept();
		const store = client.follow('c1', RANGE);
		snapshot(socket, 5);
		expect(client.follow('c1', RANGE, 't2')).toBe(store);
		expect(store.status).toBe('loading');
		const [, again, ...more] = socket.sentOf('subscribe');
		expect(again).toMatchObject({ calendar: 'c1', tenant: 't2' });
		expect(again).not.toHaveProperty('since');
		expect(more).toEqual([]);
		client.follow('c1', { from: RANGE.to, to: '2027-03-15T00:00:00Z' });
		expect(socket.sentOf('subscribe').at(-1)).not.toHaveProperty('tenant');
		expect(socket.sentOf('subscribe')).toHaveLength(3);
	});

	it('marks a calendar that may not be followed', async () => {
		const socket = await start();
		socket.accept();
		const store = client.follow('c1', RANGE);
		socket.receive({ type: 'error', id: socket.sentOf('subscribe')[0]!.id, code: 'forbidden' });
		expect([store.status, store.failure]).toEqual(['failed', 'forbidden']);
	});
});

describe('commands', () => {
	const booking = { patientId: 'p', dentistId: 'd', treatmentId: 't', start: RANGE.from };

	it('resolves with the result and the positions', async () => {
		const socket = await start();
		socket.accept();
		const done = client.book(booking);
		const [frame] = socket.sentOf('book');
		expect(frame).toMatchObject({ appointment: booking, idempotencyKey: expect.any(String) });
		socket.receive({ type: 'ok', id: frame!.id, result: { id: 'a1' }, positions: { c1: 6 } });
		expect(await done).toEqual({ result: { id: 'a1' }, positions: { c1: 6 }, replay: false });
	});

	it('have a frame each, and those that change something a key', async () => {
		const socket = await start();
		socket.accept();
		const [start_, end] = [RANGE.from, RANGE.to];
		const slot = { treatmentId: 't', dentistId: 'd', start: start_ };
		const given: [string, Promise<unknown>][] = [
			['availability', client.availability({ treatment: 't', from: start_, to: end })],
			['explain', client.explain({ treatment: 't', start: start_, dentist: 'd' })],
			['book', client.book(booking)],
			['reschedule', client.reschedule({ appointmentId: 'a', start: start_ })],
			['resize', client.resize({ appointmentId: 'a', duration: 45 })],
			['swap', client.swap({ appointmentIds: ['a', 'b'] })],
			['cancel', client.cancel({ appointmentId: 'a', reasonCode: 'patient_ill' })],
			['setStatus', client.setStatus({ appointmentId: 'a', status: 'arrived' })],
			['editNotes', client.editNotes({ appointmentId: 'a', notes: null })],
			['hold', client.hold(slot)],
			['renew', client.renew({ holdId: 'h', holdToken: 's' })],
			['release', client.release({ holdId: 'h' })],
			['confirm', client.confirm({ holdId: 'h', patientId: 'p' })],
			['block', client.block({ dentistId: 'd', kind: 'time_off', start: start_, end })],
			['editBlock', client.editBlock({ blockId: 'b', title: null })],
			['unblock', client.unblock({ blockId: 'b', scope: 'following', occurrence: start_ })],
			['series.preview', client.previewSeries({ ...booking, rrule: 'FREQ=WEEKLY;COUNT=2' })],
			['series.book', client.bookSeries({ ...booking, policy: 'nearest' })],
			['series.edit', client.editSeries({ seriesId: 's', duration: 45 })],
			['series.cancel', client.cancelSeries({ seriesId: 's', scope: 'all' })],
			['replan.preview', client.previewReplan({ dentistId: 'd', date: '2027-03-01' })],
			['replan', client.replan({ plan: [{ appointmentId: 'a', cancel: true }] })]
		];
		const asking = ['availability', 'explain', 'series.preview', 'replan.preview'];
		for (const [type, done] of given) {
			const frame = socket.sentOf(type).at(-1)!;
			expect([type, 'idempotencyKey' in frame]).toEqual([type, !asking.includes(type)]);
			socket.receive({ type: 'ok', id: frame.id, result: { of: type } });
			expect(await done).toMatchObject({ result: { of: type } });
		}
	});

	it('has a key too when it is given by its name', async () => {
		const socket = await start();
		socket.accept();
		void client.command('newest', { what: 1 }).catch(() => {});
		void client.command('book', { idempotencyKey: 'mine', appointment: booking }).catch(() => {});
		void client.command('explain', { start: RANGE.from }).catch(() => {});
		expect(socket.sentOf('newest')[0]).toMatchObject({
			what: 1,
			idempotencyKey: expect.any(String)
		});
		expect(socket.sentOf('book')[0]!.idempotencyKey).toBe('mine');
		expect(socket.sentOf('explain')[0]).not.toHaveProperty('idempotencyKey');
	});

	it('rejects with the code and what stands in the way', async () => {
		const socket = await start();
		socket.accept();
		const done = client.book(booking);
		const conflict = { calendarId: 'c1', start: RANGE.from, end: RANGE.to };
		socket.receive({
			type: 'error',
			id: socket.sentOf('book')[0]!.id,
			code: 'slot_taken',
			conflict
		});
		await expect(done).rejects.toMatchObject({ code: 'slot_taken', conflict });
	});

	it('is sent again with the same key after a reconnect', async () => {
		(await start()).accept();
		const done = client.book(booking);
		const [first] = FakeSocket.last.sentOf('book');
		FakeSocket.last.lose(1006);
		await vi.advanceTimersByTimeAsync(375);
		FakeSocket.last.accept();
		const [again] = FakeSocket.last.sentOf('book');
		expect(again!.idempotencyKey).toBe(first!.idempotencyKey);
		FakeSocket.last.receive({ type: 'ok', id: again!.id, result: { id: 'a1' }, replay: true });
		expect((await done).replay).toBe(true);
	});

	it('waits for the connection when given before it', async () => {
		const socket = await start();
		void client.book(booking).catch(() => {});
		expect(socket.sentOf('book')).toEqual([]);
		socket.accept();
		expect(socket.sentOf('book')).toHaveLength(1);
	});

	it('asks again with the same key when the outcome is unknown', async () => {
		const socket = await start();
		socket.accept();
		const done = client.book(booking);
		const [first] = socket.sentOf('book');
		socket.receive({ type: 'error', id: first!.id, code: 'outcome_unknown', retryable: true });
		await vi.advanceTimersByTimeAsync(400);
		const [, again] = socket.sentOf('book');
		expect(again!.idempotencyKey).toBe(first!.idempotencyKey);
		socket.receive({ type: 'ok', id: again!.id, result: { id: 'a1' } });
		expect((await done).result.id).toBe('a1');
	});

	it('fails after its time, and at once when the connection ends for good', async () => {
		const socket = await start({ commandTimeoutMs: 5_000 });
		socket.accept();
		const late = client.book(booking);
		const caught = expect(late).rejects.toMatchObject({ code: 'timeout' });
		await vi.advanceTimersByTimeAsync(5_000);
		await caught;
		const open = client.book(booking);
		socket.lose(4003);
		await expect(open).rejects.toMatchObject({ code: 'forbidden' });
	});
});
