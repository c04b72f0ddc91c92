// Who else looks at a calendar, drags or holds on it. Best effort, never part of a version: what is not said again
// within 15 seconds is forgotten, by the server and here.

import type { CalendarId, PresenceFrame, PresenceState, Span } from './protocol.js';
import type { SendFrame } from './subscriptions.js';

/** Somebody's last word on a calendar. */
export type Presence = PresenceFrame;

const FORGOTTEN_MS = 15_000;
const SAID_AGAIN_MS = 5_000;

interface Heard {
	frame: PresenceFrame;
	forget: ReturnType<typeof setTimeout>;
}

export class PresenceBoard {
	/** What this client says, by calendar; said again until it is taken back. */
	#said = new Map<CalendarId, Record<string, unknown>>();
	/** The calendars that the current session follows: only there is anything heard. */
	#followed = new Set<CalendarId>();
	#heard = new Map<CalendarId, Map<string, Heard>>();
	#listeners = new Set<(calendar: CalendarId) => void>();
	#send: SendFrame | null = null;
	#timer: ReturnType<typeof setInterval> | null = null;

	/** Says it now, unless it was the last word, and again every five seconds; `null` takes it back. */
	say(calendar: CalendarId, state: PresenceState | null, span?: Span): void {
		if (state === null) {
			this.#said.delete(calendar);
		} else {
			const frame = { type: 'presence', calendar, state, ...(span ? { span } : {}) };
			if (JSON.stringify(frame) === JSON.stringify(this.#said.get(calendar))) return;
			this.#said.set(calendar, frame);
			if (this.#followed.has(calendar)) this.#send?.(frame);
		}
		this.#keepSaying();
	}

	/** The session has begun to follow a calendar, perhaps not for the first time: what is said there counts now. */
	followed(calendar: CalendarId): void {
		this.#followed.add(calendar);
		const frame = this.#said.get(calendar);
		if (frame) this.#send?.(frame);
		this.#keepSaying();
	}

	/** Nothing is said or heard of it any more. */
	unfollowed(calendar: CalendarId): void {
		this.#followed.delete(calendar);
		this.#said.delete(calendar);
		this.#keepSaying();
		this.#forget(calendar);
	}

	/** The others on a calendar, the last word of each. */
	others(calendar: CalendarId): Presence[] {
		return [...(this.#heard.get(calendar)?.values() ?? [])].map(({ frame }) => frame);
	}

	/** Called with the calendar whose others have changed. Returns how to stop it. */
	onChange(listener: (calendar: CalendarId) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	online(send: SendFrame): void {
		this.#send = send;
	}

	offline(): void {
		this.#send = null;
		this.#followed.clear();
		this.#keepSaying();
		for (const calendar of [...this.#heard.keys()]) this.#forget(calendar);
	}

	receive(frame: PresenceFrame): void {
		if (!this.#followed.has(frame.calendar)) return;
		const people = this.#heard.get(frame.calendar) ?? new Map<string, Heard>();
		this.#heard.set(frame.calendar, people);
		const known = people.get(frame.session);
		if (known) clearTimeout(known.forget);
		const gone = () => {
			people.delete(frame.session);
			this.#changed(frame.calendar);
		};
		if (frame.state === 'gone') {
			if (known) gone();
			return;
		}
		people.set(frame.session, { frame, forget: setTimeout(gone, FORGOTTEN_MS) });
		// Most of what comes is the same again.
		if (JSON.stringify(known?.frame) !== JSON.stringify(frame)) this.#changed(frame.calendar);
	}

	#keepSaying(): void {
		const needed = [...this.#said.keys()].some((calendar) => this.#followed.has(calendar));
		if (needed && this.#timer === null) {
			this.#timer = setInterval(() => {
				for (const [calendar, frame] of this.#said) {
					if (this.#followed.has(calendar)) this.#send?.(frame);
				}
			}, SAID_AGAIN_MS);
		} else if (!needed && this.#timer !== null) {
			clearInterval(this.#timer);
			this.#timer = null;
		}
	}

	#forget(calendar: CalendarId): void {
		const people = this.#heard.get(calendar);
		if (!people) return;
		for (const { forget } of people.values()) clearTimeout(forget);
		this.#heard.delete(calendar);
		this.#changed(calendar);
	}

	#changed(calendar: CalendarId): void {
		for (const listener of [...this.#listeners]) listener(calendar);
	}
}
