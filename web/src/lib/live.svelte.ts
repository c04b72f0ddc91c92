// The workspace's calendars as the page shows them: one connection, one store per column, and a reactive copy of
// their entries. Nothing here polls.

import {
	DentiCloudClient,
	type CalendarStore,
	type ConnectionState,
	type Entry,
	type Presence,
	type PresenceState,
	type Range,
	type Span,
	type StoreStatus
} from '@denticloud/client';
import { SvelteMap } from 'svelte/reactivity';

export interface Column {
	status: StoreStatus;
	entries: Entry[];
}

/** What this person is about to take. */
export interface Intention {
	calendarId: string;
	state: Exclude<PresenceState, 'viewing'>;
	span: Span;
}

export class LiveCalendars {
	state = $state<ConnectionState>('idle');
	/** By calendar id. */
	readonly columns = new SvelteMap<string, Column>();
	/** Who else is on a calendar, by its id. */
	readonly others = new SvelteMap<string, Presence[]>();
	readonly client: DentiCloudClient;
	readonly #followed = new Map<string, () => void>();
	readonly #stopState: () => void;
	readonly #stopPresence: () => void;
	#intentions: Intention[] = [];

	constructor(options: {
		tenantId: string;
		token: (fresh: boolean) => Promise<string>;
		/** The server will not have this person any more. */
		onRefused: () => void;
	}) {
		this.client = new DentiCloudClient({
			url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
			token: options.token,
			tenant: options.tenantId
		});
		this.#stopState = this.client.onState((state) => {
			this.state = state;
			if (state === 'closed' && this.client.closeReason) options.onRefused();
		});
		this.#stopPresence = this.client.onPresence((calendarId) => {
			this.others.set(calendarId, this.client.others(calendarId));
		});
		window.addEventListener('online', this.#wake);
		document.addEventListener('visibilitychange', this.#seen);
		this.client.open();
	}

	/** Follows exactly these calendars over this range. */
	show(calendarIds: string[], range: Range): void {
		for (const [calendarId, stop] of this.#followed) {
			if (calendarIds.includes(calendarId)) continue;
			stop();
			this.#followed.delete(calendarId);
			this.columns.delete(calendarId);
			this.client.unfollow(calendarId);
			this.others.delete(calendarId);
		}
		for (const calendarId of calendarIds) {
			const store = this.client.follow(calendarId, range);
			if (this.#followed.has(calendarId)) continue;
			const copy = () => this.#copy(store);
			this.#followed.set(calendarId, store.onChange(copy));
			copy();
		}
		this.#tell();
	}

	/** Tells the others what this person is about to take, instead of what was told before. */
	intend(intentions: Intention[]): void {
		this.#intentions = intentions;
		this.#tell();
	}

	close(): void {
		this.#stopState();
		this.#stopPresence();
		for (const stop of this.#followed.values()) stop();
		window.removeEventListener('online', this.#wake);
		document.removeEventListener('visibilitychange', this.#seen);
		this.client.close();
	}

	#copy(store: CalendarStore): void {
		this.columns.set(store.calendarId, { status: store.status, entries: store.entries });
	}

	/** A window that nobody can see does not look at anything. */
	#tell(): void {
		for (const calendarId of this.#followed.keys()) {
			const intention = this.#intentions.find((one) => one.calendarId === calendarId);
			if (intention) this.client.presence(calendarId, intention.state, intention.span);
			else this.client.presence(calendarId, document.hidden ? null : 'viewing');
		}
	}

	#seen = () => {
		this.#wake();
		this.#tell();
	};

	#wake = () => {
		if (!document.hidden) this.client.wake();
	};
}
