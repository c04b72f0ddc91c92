import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DentiCloudClient } from '../src/client.js';
import { FakeSocket } from './fake-socket.js';

const QUERY = { practice: 'salazar', treatment: 't1', month: '2027-03' };
const slot = (hour: string, dentistId = 'd1') => ({
	start: `2027-03-02T${hour}:00:00Z`,
	end: `2027-03-02T${hour}:30:00Z`,
	dentistId
});
let client: DentiCloudClient;
const settle = () => vi.advanceTimersByTimeAsync(0);

async function widget(): Promise<FakeSocket> {
	client = new DentiCloudClient({
		url: 'ws://practice.test/ws',
		practice: 'salazar',
		WebSocket: FakeSocket,
		random: () => 0.5
	});
	client.open();
	await settle();
	FakeSocket.last.accept();
	return FakeSocket.last;
}

beforeEach(() => {
	vi.useFakeTimers();
	FakeSocket.all = [];
});

afterEach(() => {
	client.close();
	vi.useRealTimers();
});

describe('a public connection', () => {
	it('says which practice it is about, and asks for no token', async () => {
		const socket = await widget();
		expect(socket.sentOf('connect')).toEqual([{ id: 1, type: 'connect', practice: 'salazar' }]);
		await vi.advanceTimersByTimeAsync(900_000);
		expect(socket.sentOf('refresh')).toEqual([]);
	});
});

describe('a slot feed', () => {
	it('shows the list, and each change to it', async () => {
		const socket = await widget();
		const store = client.followSlots(QUERY);
		const [asked] = socket.sentOf('subscribeSlots');
		expect(asked).toMatchObject(QUERY);
		expect(store.status).toBe('loading');
		const slots = [slot('15'), slot('14', 'd2'), slot('14')];
		socket.receive({ type: 'slots', id: asked!.id, feed: 'f1', slots });
		expect(store.slots).toEqual([slot('14'), slot('14', 'd2'), slot('15')]);
		socket.receive({ type: 'slotsDelta', feed: 'f1', added: [slot('16')], removed: [slot('14')] });
		expect(store.slots).toEqual([slot('14', 'd2'), slot('15'), slot('16')]);
		socket.receive({ type: 'slotsDelta', feed: 'another', added: [slot('17')], removed: [] });
		expect(store.slots).toHaveLength(3);
	});

	it('is asked for again after a loss, and its old slots are marked until then', async () => {
		const first = await widget();
		const store = client.followSlots(QUERY);
		const { id } = first.sentOf('subscribeSlots')[0]!;
		first.receive({ type: 'slots', id, feed: 'f1', slots: [slot('14')] });
		first.lose(4201);
		expect(store.status).toBe('stale');
		await settle();
		FakeSocket.last.accept();
		const [again] = FakeSocket.last.sentOf('subscribeSlots');
		FakeSocket.last.receive({ type: 'slots', id: again!.id, feed: 'f2', slots: [slot('15')] });
		expect([store.status, store.slots]).toEqual(['live', [slot('15')]]);
	});

	it('is one feed for one question, and ends when nobody wants it', async () => {
		const socket = await widget();
		const store = client.followSlots(QUERY);
		expect(client.followSlots({ ...QUERY })).toBe(store);
		const [asked] = socket.sentOf('subscribeSlots');
		socket.receive({ type: 'slots', id: asked!.id, feed: 'f1', slots: [] });
		client.unfollowSlots(QUERY);
		expect(socket.sentOf('unsubscribeSlots')).toMatchObject([{ feed: 'f1' }]);
	});

	it('says why it is refused, and tries again where that can help', async () => {
		const socket = await widget();
		const store = client.followSlots(QUERY);
		const [asked] = socket.sentOf('subscribeSlots');
		socket.receive({ type: 'error', id: asked!.id, code: 'busy', retryable: true });
		await vi.advanceTimersByTimeAsync(2_000);
		const [, again] = socket.sentOf('subscribeSlots');
		socket.receive({ type: 'error', id: again!.id, code: 'not_found', retryable: false });
		expect([store.status, store.failure]).toEqual(['failed', 'not_found']);
	});
});
