// Which calendars are followed over the current socket, and when to ask for one again.

import { CalendarStore } from './calendar-store.js';
import type { CalendarId, ErrorFrame, Range, ServerFrame } from './protocol.js';

/** Sends a frame and returns its id; only called while the session is live. */
export type SendFrame = (frame: Record<string, unknown>) => number;

interface Following {
	store: CalendarStore;
	/** The workspace that it is followed for; absent: the connection's own. */
	tenant: string | undefined;
	/** The id of the newest subscribe frame: an answer to an older one is about a range nobody shows any more. */
	frameId: number | null;
	pending: boolean;
	retry: ReturnType<typeof setTimeout> | null;
}

const RETRY_MS = 2000;

export class Subscriptions {
	#following = new Map<CalendarId, Following>();
	#send: SendFrame | null = null;

	get size(): number {
		return this.#following.size;
	}

	has(calendarId: CalendarId): boolean {
		return this.#following.has(calendarId);
	}

	follow(calendarId: CalendarId, range: Range, tenant?: string): CalendarStore {
		const known = this.#following.get(calendarId);
		if (known) {
			// Another workspace may see it with other eyes: nothing of the old view stays.
			if (known.tenant !== tenant) known.store.applyReset();
			const asked = known.tenant !== tenant && known.store.covers(range);
			known.tenant = tenant;
			this.setRange(calendarId, range);
			if (asked) this.#subscribe(known);
			return known.store;
		}
		const store = new CalendarStore(calendarId, range);
		const following = { store, tenant, frameId: null, pending: false, retry: null };
		this.#following.set(calendarId, following);
		this.#subscribe(following);
		return store;
	}

	setRange(calendarId: CalendarId, range: Range): void {
		const following = this.#following.get(calendarId);
		if (!following) return;
		if (following.store.covers(range)) return;
		following.store.moveTo(range);
		this.#subscribe(following);
	}

	unfollow(calendarId: CalendarId): void {
		const following = this.#following.get(calendarId);
		if (!following) return;
		if (following.retry) clearTimeout(following.retry);
		this.#following.delete(calendarId);
		this.#send?.({ type: 'unsubscribe', calendar: calendarId });
	}

	/** A new session: every calendar continues from where its store stands. */
	online(send: SendFrame): void {
		this.#send = send;
		for (const following of this.#following.values()) this.#subscribe(following);
	}

	offline(): void {
		this.#send = null;
		for (const following of this.#following.values()) {
			following.pending = false;
			following.frameId = null;
			if (following.retry) clearTimeout(following.retry);
			following.retry = null;
			following.store.markStale();
		}
	}

	/** True when the frame belonged to a followed calendar and has been dealt with. */
	receive(frame: ServerFrame): boolean {
		if (frame.type === 'mark') {
			this.#mark(frame.positions);
			return true;
		}
		if (frame.type === 'error') return this.#refused(frame);
		if (!('calendar' in frame) || frame.type === 'presence') return false;
		const following = this.#following.get(frame.calendar);
		if (!following) return true;
		const { store } = following;
		switch (frame.type) {
			case 'snapshot':
				if (!this.#answersLatest(following, frame.id)) return true;
				store.applySnapshot(frame);
				break;
			case 'resumed':
				if (!this.#answersLatest(following, frame.id)) return true;
				if (store.applyResumed(frame) === 'gap') this.#subscribe(following);
				break;
			case 'delta':
				// While a subscribe is under way its answer closes the gap; asking again would only add load.
				if (store.applyDelta(frame) === 'gap' && !following.pending) {
					store.markStale();
					this.#subscribe(following);
				}
				break;
			case 'reset':
				store.applyReset();
				this.#subscribe(following);
				break;
		}
		return true;
	}

	#answersLatest(following: Following, id: number | undefined): boolean {
		// A slow client gets a snapshot unasked; while a newer question is open it is out of date.
		if (id === undefined && following.pending) return false;
		if (id !== undefined && id !== following.frameId) return false;
		following.pending = false;
		return true;
	}

	#mark(positions: Record<CalendarId, number>): void {
		for (const [calendarId, version] of Object.entries(positions)) {
			const following = this.#following.get(calendarId);
			if (!following || following.pending || !following.store.isBehind(version)) continue;
			following.store.markStale();
			this.#subscribe(following);
		}
	}

	#refused(frame: ErrorFrame): boolean {
		if (frame.id === undefined) return false;
		for (const following of this.#following.values()) {
			if (following.frameId !== frame.id) continue;
			following.pending = false;
			if (frame.retryable) {
				following.retry = setTimeout(() => this.#subscribe(following), RETRY_MS);
			} else {
				following.store.fail(frame.code);
			}
			return true;
		}
		return false;
	}

	#subscribe(following: Following): void {
		if (following.retry) clearTimeout(following.retry);
		following.retry = null;
		if (!this.#send) return;
		const { calendarId, range, position } = following.store;
		const { tenant } = following;
		following.pending = true;
		following.frameId = this.#send({
			type: 'subscribe',
			calendar: calendarId,
			range,
			...(tenant ? { tenant } : {}),
			...(position ? { since: position } : {})
		});
	}
}
