import type { Conflict, ErrorFrame, Slot } from './protocol.js';

/** A refusal (`slot_taken`, `stale`, …) or a failure (`timeout`, `closed`) of a command. Decide by `code`. */
export class CommandError extends Error {
	readonly code: string;
	readonly retryable: boolean;
	/** What stands in the way, as far as the asker may know. */
	readonly conflict: Conflict | null;
	/** Of a booking that is refused: what the same dentist has free next. */
	readonly alternatives: Slot[];
	/** Of `validation`: which fields, and why. */
	readonly errors: { field: string; message: string }[];

	constructor(from: Omit<ErrorFrame, 'type' | 'id'>) {
		super(from.message ?? from.code);
		this.name = 'CommandError';
		this.code = from.code;
		this.retryable = from.retryable ?? false;
		this.conflict = from.conflict ?? null;
		this.alternatives = from.alternatives ?? [];
		this.errors = from.errors ?? [];
	}
}
