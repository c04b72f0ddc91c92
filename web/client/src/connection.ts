// One socket to the scheduling engine that keeps itself alive: it connects, renews its token, comes back after a
// loss by the rules of the close codes, and lets the subscriptions and the commands continue where they were.

import { afterClose, delayAfter, type AfterClose, type BackoffLimits } from './close-codes.js';
import { Commands, isQuestion, type CommandResult } from './commands.js';
import type {
	ConnectionOptions,
	ConnectionState,
	SocketConstructor,
	SocketLike
} from './connection-options.js';
import { CommandError } from './errors.js';
import { newKey } from './keys.js';
import { PresenceBoard, type Presence } from './presence.js';
import { SlotFeeds } from './slot-feeds.js';
import { Subscriptions } from './subscriptions.js';
import type { CalendarStore } from './calendar-store.js';
import type { SlotQuery, SlotStore } from './slot-store.js';
import type {
	CalendarId,
	ConnectedFrame,
	PresenceState,
	Range,
	ServerFrame,
	Span
} from './protocol.js';

const SUBPROTOCOL = 'denticloud.v1';
const OPEN = 1;

export class Connection {
	state: ConnectionState = 'idle';
	/** Why it is `closed` although nobody called `close()`: `unauthorized`, `forbidden` (any other 40xx too) or `suspended`. */
	closeReason: string | null = null;

	readonly #options: ConnectionOptions;
	readonly #backoff: BackoffLimits;
	readonly #random: () => number;
	readonly #socketClass: SocketConstructor | undefined;
	readonly #subscriptions = new Subscriptions();
	readonly #slotFeeds = new SlotFeeds();
	readonly #presence = new PresenceBoard();
	readonly #commands: Commands;
	readonly #stateListeners = new Set<(state: ConnectionState) => void>();

	#socket: SocketLike | null = null;
	#nextId = 1;
	#connectId = 0;
	#refreshId = 0;
	#failures = 0;
	#tokenRefused = 0;
	#needsFreshToken = false;
	#ttlMs = 0;
	#retryTimer: ReturnType<typeof setTimeout> | null = null;
	#refreshTimer: ReturnType<typeof setTimeout> | null = null;
	#silenceTimer: ReturnType<typeof setTimeout> | null = null;
	/** Raised by every attempt and by `close()`: what an older attempt still awaits is then void. */
	#attempt = 0;

	constructor(options: ConnectionOptions) {
		this.#options = options;
		this.#backoff = { baseMs: 500, maxMs: 30_000, ...options.backoff };
		this.#random = options.random ?? Math.random;
		this.#socketClass =
			options.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor | undefined);
		this.#commands = new Commands(options.commandTimeoutMs ?? 30_000, this.#random);
	}

	/** Connects, and stays connected until `close()` or a refusal for good. */
	open(): void {
		if (this.state !== 'idle' && this.state !== 'closed') return;
		if (!this.#socketClass) throw new Error('no WebSocket here: pass one in the options');
		this.closeReason = null;
		this.#failures = 0;
		this.#tokenRefused = 0;
		void this.#connect();
	}

	close(): void {
		this.#end(null);
	}

	/** The network is back or the window was opened again: try now instead of at the end of the delay. */
	wake(): void {
		if (this.state === 'waiting') void this.#connect();
	}

	onState(listener: (state: ConnectionState) => void): () => void {
		this.#stateListeners.add(listener);
		return () => this.#stateListeners.delete(listener);
	}

	/** Called with the calendar whose other people have changed: ask `others` for them. */
	onPresence(listener: (calendar: CalendarId) => void): () => void {
		return this.#presence.onChange(listener);
	}

	/** Who else of this practice is on a followed calendar, as far as is known. */
	others(calendar: CalendarId): Presence[] {
		return this.#presence.others(calendar);
	}

	/**
	 * Follows a calendar for as long as this connection lives; call again to show another range. `tenant` names another
	 * of this person's workspaces.
	 */
	follow(calendar: CalendarId, range: Range, tenant?: string): CalendarStore {
		const store = this.#subscriptions.follow(calendar, range, tenant);
		this.#heard();
		return store;
	}

	unfollow(calendar: CalendarId): void {
		this.#subscriptions.unfollow(calendar);
		this.#presence.unfollowed(calendar);
	}

	/**
	 * Runs any command of the protocol, also one that has no method yet. What changes something is given an idempotency
	 * key when it has none: sent again after a reconnect it takes effect once.
	 */
	command<T>(type: string, body: Record<string, unknown>): Promise<CommandResult<T>> {
		if (this.state === 'closed') {
			return Promise.reject(
				new CommandError({ code: 'closed', message: 'the connection is closed' })
			);
		}
		const key = isQuestion(type) ? {} : { idempotencyKey: newKey() };
		return this.#commands.run<T>({ ...key, ...body, type });
	}

	/** Follows the free slots of a month, as anybody may; at most four at a time. */
	followSlots(query: SlotQuery): SlotStore {
		return this.#slotFeeds.follow(query);
	}

	unfollowSlots(query: SlotQuery): void {
		this.#slotFeeds.unfollow(query);
	}

	/**
	 * Tells the calendar's other followers of this practice what this person does there, until it is taken back by
	 * `null`. Best effort.
	 */
	presence(calendar: CalendarId, state: PresenceState | null, span?: Span): void {
		this.#presence.say(calendar, state, span);
	}

	async #connect(): Promise<void> {
		const attempt = ++this.#attempt;
		this.#clearTimers();
		this.#become('connecting');
		let who: Record<string, string>;
		try {
			who = await this.#who();
		} catch {
			// No token can mean no network, or that the session has ended; the app knows and closes then.
			if (attempt === this.#attempt) this.#lost('retry');
			return;
		}
		if (attempt !== this.#attempt) return;
		const Socket = this.#socketClass!;
		const socket = new Socket(this.#options.url, SUBPROTOCOL);
		this.#socket = socket;
		socket.onopen = () => {
			this.#connectId = this.#send({ type: 'connect', ...who });
		};
		socket.onmessage = (event: { data: unknown }) => this.#receive(String(event.data));
		socket.onerror = () => {}; // A close always follows.
		socket.onclose = (event: { code: number }) => {
			if (this.#socket === socket) this.#lost(afterClose(event.code));
		};
		this.#silenceTimer = setTimeout(() => this.#drop(), this.#options.connectTimeoutMs ?? 10_000);
	}

	/** What `connect` says: a token and the workspace, or the practice whose public side it is. */
	async #who(): Promise<Record<string, string>> {
		const { token, tenant, practice } = this.#options;
		if (token) {
			const spoken = await token(this.#needsFreshToken);
			return { token: spoken, ...(tenant ? { tenant } : {}) };
		}
		return practice ? { practice } : {};
	}

	#receive(data: string): void {
		let frame: ServerFrame;
		try {
			frame = JSON.parse(data) as ServerFrame;
		} catch {
			return;
		}
		this.#heard();
		if (frame.type === 'connected' && frame.id === this.#connectId) this.#live(frame);
		else if (frame.type === 'error' && frame.id === this.#connectId)
			this.#connectRefused(frame.code);
		else if ('id' in frame && frame.id !== undefined && frame.id === this.#refreshId) {
			this.#refreshed(frame);
		} else if (frame.type === 'presence') {
			this.#presence.receive(frame);
		} else if (frame.type === 'snapshot' || frame.type === 'resumed') {
			this.#subscriptions.receive(frame);
			if (this.#subscriptions.has(frame.calendar)) this.#presence.followed(frame.calendar);
		} else if (!this.#subscriptions.receive(frame) && !this.#slotFeeds.receive(frame)) {
			if (frame.type === 'ok' || frame.type === 'error') this.#commands.receive(frame);
		}
	}

	#live(frame: ConnectedFrame): void {
		this.#failures = 0;
		this.#tokenRefused = 0;
		this.#needsFreshToken = false;
		this.#ttlMs = frame.ttlMs ?? 0;
		this.#scheduleRefresh(this.#ttlMs);
		this.#become('live');
		const send = (body: Record<string, unknown>) => this.#send(body);
		this.#subscriptions.online(send);
		this.#slotFeeds.online(send);
		this.#presence.online(send);
		this.#commands.online(send);
		this.#heard();
	}

	#connectRefused(code: string): void {
		if (code === 'forbidden' || code === 'suspended') this.#end(code);
		else this.#drop('new-token');
	}

	/** A minute before the end, or half-way through a short life. */
	#scheduleRefresh(ttlMs: number): void {
		if (this.#refreshTimer) clearTimeout(this.#refreshTimer);
		this.#refreshTimer = null;
		if (ttlMs <= 0 || !this.#options.token) return;
		const inMs = Math.max(ttlMs - 60_000, ttlMs / 2);
		this.#refreshTimer = setTimeout(() => void this.#refresh(), inMs);
	}

	async #refresh(): Promise<void> {
		const attempt = this.#attempt;
		try {
			const token = await this.#options.token?.(true);
			if (attempt === this.#attempt && this.state === 'live') {
				this.#refreshId = this.#send({ type: 'refresh', token });
			}
		} catch {
			// The server closes with 4001 when the old token ends; that path asks for a token again.
		}
	}

	#refreshed(frame: ServerFrame): void {
		this.#refreshId = 0;
		if (frame.type === 'error') return this.#drop('new-token');
		const ttlMs = 'ttlMs' in frame && frame.ttlMs ? frame.ttlMs : this.#ttlMs;
		this.#scheduleRefresh(ttlMs);
	}

	/** Any frame proves that the socket works. Without followed calendars nothing need come, so nothing is expected. */
	#heard(): void {
		if (this.state !== 'live') return;
		if (this.#silenceTimer) clearTimeout(this.#silenceTimer);
		this.#silenceTimer = null;
		if (this.#subscriptions.size === 0) return;
		this.#silenceTimer = setTimeout(() => this.#drop('now'), this.#options.silenceMs ?? 35_000);
	}

	/** Gives up the socket without waiting for its close event, which a dead network delays for minutes. */
	#drop(why: AfterClose = 'retry'): void {
		this.#detach();
		this.#lost(why);
	}

	#lost(why: AfterClose): void {
		this.#socket = null;
		this.#subscriptions.offline();
		this.#slotFeeds.offline();
		this.#presence.offline();
		this.#commands.offline();
		this.#clearTimers();
		if (why === 'stop') return this.#end('forbidden');
		if (why === 'new-token') {
			this.#needsFreshToken = true;
			this.#tokenRefused += 1;
			// A fresh token was refused as well: a third one would be too.
			if (this.#tokenRefused > 1) return this.#end('unauthorized');
		}
		this.#failures += 1;
		const delay = delayAfter(why, this.#failures, this.#backoff, this.#random);
		this.#become('waiting');
		this.#retryTimer = setTimeout(() => void this.#connect(), delay);
	}

	#end(reason: string | null): void {
		this.#attempt += 1;
		this.closeReason = reason;
		this.#clearTimers();
		this.#detach();
		this.#subscriptions.offline();
		this.#slotFeeds.offline();
		this.#presence.offline();
		this.#commands.offline();
		this.#commands.abandon(reason ?? 'closed');
		this.#become('closed');
	}

	#detach(): void {
		const socket = this.#socket;
		this.#socket = null;
		if (!socket) return;
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.onerror = () => {};
		socket.close(1000);
	}

	#send(body: Record<string, unknown>): number {
		const id = this.#nextId++;
		if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify({ id, ...body }));
		return id;
	}

	#clearTimers(): void {
		for (const timer of [this.#retryTimer, this.#refreshTimer, this.#silenceTimer]) {
			if (timer) clearTimeout(timer);
		}
		this.#retryTimer = this.#refreshTimer = this.#silenceTimer = null;
	}

	#become(state: ConnectionState): void {
		if (state === this.state) return;
		this.state = state;
		for (const listener of [...this.#stateListeners]) listener(state);
	}
}
