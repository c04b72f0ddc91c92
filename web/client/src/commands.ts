// Commands in flight. A command lives here until it is answered, whatever happens to the socket: after a reconnect
// it is sent again with the same idempotency key, so that it takes effect once.

import { CommandError } from './errors.js';
import type { CalendarId, ErrorFrame, OkFrame } from './protocol.js';
import type { SendFrame } from './subscriptions.js';

export interface CommandResult<T> {
	result: T;
	/** Wait for these versions (`CalendarStore.reached`) to read your own write. */
	positions: Record<CalendarId, number>;
	/** The effect had already happened; this is the first answer again. */
	replay: boolean;
}

interface Pending {
	frame: Record<string, unknown>;
	/** Its id on the current socket, null while it waits for one. */
	frameId: number | null;
	tries: number;
	resolve: (result: CommandResult<unknown>) => void;
	reject: (error: CommandError) => void;
	deadline: ReturnType<typeof setTimeout>;
	retry: ReturnType<typeof setTimeout> | null;
}

const QUESTIONS = new Set(['availability', 'explain', 'series.preview', 'replan.preview']);

/** Whether a command changes nothing, whatever it answers. */
export function isQuestion(type: string): boolean {
	return QUESTIONS.has(type);
}

/** Refusals that mean "ask again with the same key". */
const ASK_AGAIN = new Set(['busy', 'outcome_unknown']);
const ASK_AGAIN_TRIES = 5;

export class Commands {
	#pending = new Set<Pending>();
	#send: SendFrame | null = null;

	constructor(
		private readonly timeoutMs: number,
		private readonly random: () => number
	) {}

	run<T>(frame: Record<string, unknown>): Promise<CommandResult<T>> {
		return new Promise((resolve, reject) => {
			const pending: Pending = {
				frame,
				frameId: null,
				tries: 0,
				resolve: resolve as (result: CommandResult<unknown>) => void,
				reject,
				deadline: setTimeout(() => {
					// Nobody knows whether it took effect; the key would tell.
					this.#finish(pending);
					reject(new CommandError({ code: 'timeout', message: 'no answer in time' }));
				}, this.timeoutMs),
				retry: null
			};
			this.#pending.add(pending);
			this.#dispatch(pending);
		});
	}

	online(send: SendFrame): void {
		this.#send = send;
		for (const pending of this.#pending) this.#dispatch(pending);
	}

	offline(): void {
		this.#send = null;
		for (const pending of this.#pending) pending.frameId = null;
	}

	/** True when the frame answered a command. */
	receive(frame: OkFrame | ErrorFrame): boolean {
		const pending = [...this.#pending].find((p) => p.frameId !== null && p.frameId === frame.id);
		if (!pending) return false;
		if (frame.type === 'ok') {
			this.#finish(pending);
			pending.resolve({
				result: frame.result,
				positions: frame.positions ?? {},
				replay: frame.replay ?? false
			});
			return true;
		}
		pending.frameId = null;
		pending.tries += 1;
		if (ASK_AGAIN.has(frame.code) && pending.tries < ASK_AGAIN_TRIES) {
			const delay = frame.retryAfterMs ?? 200 * 2 ** pending.tries;
			pending.retry = setTimeout(() => this.#dispatch(pending), delay * (0.5 + this.random()));
			return true;
		}
		this.#finish(pending);
		pending.reject(new CommandError(frame));
		return true;
	}

	/** The connection ended for good: everything still open fails with `code`. */
	abandon(code: string): void {
		for (const pending of [...this.#pending]) {
			this.#finish(pending);
			pending.reject(new CommandError({ code, message: 'the connection is closed' }));
		}
	}

	#dispatch(pending: Pending): void {
		if (pending.retry) clearTimeout(pending.retry);
		pending.retry = null;
		if (this.#send) pending.frameId = this.#send(pending.frame);
	}

	#finish(pending: Pending): void {
		clearTimeout(pending.deadline);
		if (pending.retry) clearTimeout(pending.retry);
		this.#pending.delete(pending);
	}
}
