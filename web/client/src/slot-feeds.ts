// Which slot feeds are followed over the current socket.

import { SlotStore, type SlotQuery } from './slot-store.js';
import type { ErrorFrame, ServerFrame } from './protocol.js';
import type { SendFrame } from './subscriptions.js';

interface Following {
	store: SlotStore;
	frameId: number | null;
	retry: ReturnType<typeof setTimeout> | null;
}

const RETRY_MS = 2000;

export class SlotFeeds {
	#following = new Map<string, Following>();
	#send: SendFrame | null = null;

	get size(): number {
		return this.#following.size;
	}

	follow(query: SlotQuery): SlotStore {
		const name = nameOf(query);
		const known = this.#following.get(name);
		if (known) return known.store;
		const following = { store: new SlotStore(query), frameId: null, retry: null };
		this.#following.set(name, following);
		this.#subscribe(following);
		return following.store;
	}

	unfollow(query: SlotQuery): void {
		const name = nameOf(query);
		const following = this.#following.get(name);
		if (!following) return;
		if (following.retry) clearTimeout(following.retry);
		this.#following.delete(name);
		const { feed } = following.store;
		if (feed !== null) this.#send?.({ type: 'unsubscribeSlots', feed });
	}

	/** A new session: every feed is asked for again, and comes whole. */
	online(send: SendFrame): void {
		this.#send = send;
		for (const following of this.#following.values()) this.#subscribe(following);
	}

	offline(): void {
		this.#send = null;
		for (const following of this.#following.values()) {
			following.frameId = null;
			if (following.retry) clearTimeout(following.retry);
			following.retry = null;
			following.store.markStale();
		}
	}

	/** True when the frame belonged to a slot feed and has been dealt with. */
	receive(frame: ServerFrame): boolean {
		if (frame.type === 'error') return this.#refused(frame);
		if (frame.type === 'slots') {
			const asked = frame.id === undefined ? undefined : this.#asked(frame.id);
			const following = asked ?? this.#named(frame.feed);
			if (following) following.frameId = null;
			following?.store.applySlots(frame.feed, frame.slots);
			return true;
		}
		if (frame.type === 'slotsDelta') {
			this.#named(frame.feed)?.store.applyDelta(frame);
			return true;
		}
		return false;
	}

	#asked(frameId: number): Following | undefined {
		return [...this.#following.values()].find((following) => following.frameId === frameId);
	}

	#named(feed: string): Following | undefined {
		return [...this.#following.values()].find((following) => following.store.feed === feed);
	}

	#refused(frame: ErrorFrame): boolean {
		const following = frame.id === undefined ? undefined : this.#asked(frame.id);
		if (!following) return false;
		following.frameId = null;
		if (frame.retryable) {
			following.retry = setTimeout(() => this.#subscribe(following), RETRY_MS);
		} else {
			following.store.fail(frame.code);
		}
		return true;
	}

	#subscribe(following: Following): void {
		if (following.retry) clearTimeout(following.retry);
		following.retry = null;
		if (!this.#send) return;
		following.frameId = this.#send({ type: 'subscribeSlots', ...following.store.query });
	}
}

function nameOf({ practice, treatment, dentist, month }: SlotQuery): string {
	return [practice, treatment, dentist ?? '', month].join(' ');
}
