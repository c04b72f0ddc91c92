import type { Conflict } from './protocol.js';

/** A refusal (`slot_taken`, `stale`, …) or a failure (`timeout`, `closed`) of a command. Decide by `code`. */
export class CommandError extends Error {
	readonly code: string;
	readonly retryable: boolean;
	readonly conflict: Conflict | null;

	constructor(from: { code: string; message?: string; retryable?: boolean; conflict?: Conflict }) {
		super(from.message ?? from.code);
		this.name = 'CommandError';
		this.code = from.code;
		this.retryable = from.retryable ?? false;
		this.conflict = from.conflict ?? null;
	}
}
