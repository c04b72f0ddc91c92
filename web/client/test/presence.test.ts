import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PresenceBoard } from '../src/presence.js';
import type { PresenceFrame } from '../src/protocol.js';

const SPAN = { start: '2027-03-02T14:00:00Z', end: '2027-03-02T14:30:00Z' };
let board: PresenceBoard;
let sent: Record<string, unknown>[];
const send = (frame: Record<string, unknown>) => sent.push(frame);
const heard = (session: string, state: PresenceFrame['state']): PresenceFrame => ({
	type: 'presence',
	calendar: 'c1',
	session,
	who: { id: 'u1', name: 'Ana' },
	state
});

beforeEach(() => {
	vi.useFakeTimers();
	board = new PresenceBoard();
	sent = [];
});

afterEach(() => {
	board.offline();
	vi.useRealTimers();
});

it('is said again until it is taken back', () => {
	board.online(send);
	board.followed('c1');
	board.say('c1', 'dragging', SPAN);
	board.say('c1', 'dragging', { ...SPAN });
	vi.advanceTimersByTime(10_000);
	expect(sent).toEqual(
		Array(3).fill({ type: 'presence', calendar: 'c1', state: 'dragging', span: SPAN })
	);
	board.say('c1', null);
	vi.advanceTimersByTime(60_000);
	expect(sent).toHaveLength(3);
});

it('is said once the calendar is followed, also the second time: before that nobody would hear it', () => {
	board.say('c1', 'viewing');
	board.online(send);
	vi.advanceTimersByTime(60_000);
	expect(sent).toEqual([]);
	board.followed('c1');
	expect(sent).toHaveLength(1);
	board.offline();
	vi.advanceTimersByTime(60_000);
	board.online(send);
	expect(sent).toHaveLength(1);
	board.followed('c1');
	expect(sent).toHaveLength(2);
	board.unfollowed('c1');
	vi.advanceTimersByTime(60_000);
	expect(sent).toHaveLength(2);
});

it('knows the last word of each connection, and forgets those who fall silent', () => {
	const changes = vi.fn();
	board.onChange(changes);
	board.followed('c1');
	board.receive(heard('s1', 'viewing'));
	board.receive(heard('s2', 'holding'));
	board.receive(heard('s1', 'dragging'));
	expect(board.others('c1').map((one) => one.state)).toEqual(['dragging', 'holding']);
	vi.advanceTimersByTime(10_000);
	board.receive(heard('s2', 'holding'));
	vi.advanceTimersByTime(5_000);
	expect(board.others('c1').map((one) => one.session)).toEqual(['s2']);
	board.receive(heard('s2', 'gone'));
	expect(board.others('c1')).toEqual([]);
	board.receive(heard('s2', 'gone'));
	// Not for what is only said again, nor for those who were not there.
	expect(changes).toHaveBeenCalledTimes(5);
});

it('knows nobody while the connection is away', () => {
	board.followed('c1');
	board.receive(heard('s1', 'viewing'));
	expect(board.others('c1')).toHaveLength(1);
	board.offline();
	expect(board.others('c1')).toEqual([]);
	// Nor of a calendar that is not shown any more, should something come late.
	board.receive(heard('s1', 'viewing'));
	expect(board.others('c1')).toEqual([]);
});
