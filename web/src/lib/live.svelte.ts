// The workspace's calendars as the page shows them: one connection, one store per column, and a reactive copy of
// their entries. Nothing here polls.

import {
	CommandError,
	DentiCloudClient,
	type CalendarStore,
	type ConnectionState,
	type Entry,
	type Range,
	type StoreStatus
} from '@denticloud/client';
import { SvelteMap } from 'svelte/reactivity';

export interface Column {
	status: StoreStatus;
	entries: Entry[];
}

export class LiveCalendars {
	state = $state<ConnectionState>('idle');
	/** By calendar id. */
	readonly columns = new SvelteMap<string, Column>();
	readonly client: DentiCloudClient;
	readonly #followed = new Map<string, () => void>();
	readonly #stopState: () => void;

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
		window.addEventListener('online', this.#wake);
		document.addEventListener('visibilitychange', this.#wake);
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
		}
		for (const calendarId of calendarIds) {
			const store = this.client.follow(calendarId, range);
			if (this.#followed.has(calendarId)) continue;
			const copy = () => this.#copy(store);
			this.#followed.set(calendarId, store.onChange(copy));
			copy();
		}
	}

	close(): void {
		this.#stopState();
		for (const stop of this.#followed.values()) stop();
		window.removeEventListener('online', this.#wake);
		document.removeEventListener('visibilitychange', this.#wake);
		this.client.close();
	}

	#copy(store: CalendarStore): void {
		this.columns.set(store.calendarId, { status: store.status, entries: store.entries });
	}

	#wake = () => {
		if (!document.hidden) this.client.wake();
	};
}

/** The code of whatever a command or a request failed with. */
export function codeOf(error: unknown): string {
	if (error instanceof CommandError) return error.code;
	if (error && typeof error === 'object' && 'code' in error) return String(error.code);
	return 'network';
}
