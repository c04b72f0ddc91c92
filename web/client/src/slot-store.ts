// The free slots of one practice, treatment and month, as a public widget shows them. Pure bookkeeping, like
// `CalendarStore`; there are no versions: after a reconnect the server sends the whole list again.

import type { Slot, SlotsDeltaFrame } from './protocol.js';
import type { StoreStatus } from './calendar-store.js';

/** What a slot feed is about; the same values are one feed, shared by everybody who follows it. */
export interface SlotQuery {
	/** The practice's subdomain. */
	practice: string;
	treatment: string;
	/** Absent: any dentist. */
	dentist?: string;
	/** The practice's local month, `2027-03`. */
	month: string;
}

export class SlotStore {
	status: StoreStatus = 'loading';
	failure: string | null = null;
	/** The server's name of the feed on the current socket. */
	feed: string | null = null;
	#slots = new Map<string, Slot>();
	#listeners = new Set<() => void>();

	constructor(readonly query: SlotQuery) {}

	/** The free slots in order of start. A new array each time. */
	get slots(): Slot[] {
		return [...this.#slots.values()].sort(
			(a, b) => a.start.localeCompare(b.start) || a.dentistId.localeCompare(b.dentistId)
		);
	}

	/** Called after every change of slots or status. Returns how to stop it. */
	onChange(listener: () => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	applySlots(feed: string, slots: Slot[]): void {
		this.feed = feed;
		this.#slots = new Map(slots.map((slot) => [nameOf(slot), slot]));
		this.#become('live');
	}

	applyDelta(frame: Pick<SlotsDeltaFrame, 'added' | 'removed'>): void {
		for (const slot of frame.removed) this.#slots.delete(nameOf(slot));
		for (const slot of frame.added) this.#slots.set(nameOf(slot), slot);
		this.#changed();
	}

	markStale(): void {
		this.feed = null;
		if (this.status === 'live') this.#become('stale');
	}

	fail(code: string): void {
		this.failure = code;
		this.feed = null;
		this.#slots.clear();
		this.#become('failed');
	}

	#become(status: StoreStatus): void {
		this.status = status;
		if (status !== 'failed') this.failure = null;
		this.#changed();
	}

	#changed(): void {
		for (const listener of [...this.#listeners]) listener();
	}
}

/** A dentist is in one place at a time: start and dentist name a slot. */
function nameOf(slot: Pick<Slot, 'start' | 'dentistId'>): string {
	return `${Date.parse(slot.start)} ${slot.dentistId}`;
}
