// One calendar's entries, kept right by version. Pure bookkeeping: it never talks to a socket; it answers what a
// frame did to it, and `Subscriptions` asks the server again when the answer is 'gap'.

import { CommandError } from './errors.js';
import type {
	CalendarId,
	DeltaFrame,
	Entry,
	Position,
	Range,
	ResumedFrame,
	SnapshotFrame
} from './protocol.js';

/**
 * - `loading`: nothing valid to show yet
 * - `live`: every change arrives as it is committed
 * - `stale`: shown as last known, the connection is away or a change was missed
 * - `failed`: the server refuses this calendar (`failure` has the code)
 */
export type StoreStatus = 'loading' | 'live' | 'stale' | 'failed';

export type Applied = 'applied' | 'dropped' | 'gap';

export class CalendarStore {
	status: StoreStatus = 'loading';
	failure: string | null = null;
	#position: Position | null = null;
	#entries = new Map<string, Entry>();
	#listeners = new Set<() => void>();

	constructor(
		readonly calendarId: CalendarId,
		public range: Range
	) {}

	/** What `since` names in the next subscribe; null when only a snapshot will do. */
	get position(): Position | null {
		return this.#position;
	}

	/** The entries that touch the range, in order of start. A new array each time. */
	get entries(): Entry[] {
		return [...this.#entries.values()].sort(
			(a, b) => a.start.localeCompare(b.start) || a.id.localeCompare(b.id)
		);
	}

	get(entryId: string): Entry | undefined {
		return this.#entries.get(entryId);
	}

	/** Called after every change of entries or status. Returns how to stop it. */
	onChange(listener: () => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/**
	 * Waits until this store shows `version` or a later one: "read your own write". Rejected when the server refuses the
	 * calendar meanwhile.
	 */
	reached(version: number): Promise<void> {
		return new Promise((resolve, reject) => {
			const look = () => {
				if (this.status === 'failed') {
					reject(new CommandError({ code: this.failure ?? 'failed', message: 'not followed' }));
				} else if (this.#position !== null && this.#position.version >= version) {
					resolve();
				} else return;
				stop();
			};
			const stop = this.onChange(look);
			look();
		});
	}

	applySnapshot(frame: Omit<SnapshotFrame, 'type' | 'id'>): void {
		this.#position = { epoch: frame.epoch, version: frame.version };
		this.#entries = new Map(
			frame.entries.filter((e) => this.#inRange(e)).map((entry) => [entry.id, entry])
		);
		this.#become('live');
	}

	/** The server will serve the missed changes as deltas, so the state stays and only its standing changes. */
	applyResumed(frame: Omit<ResumedFrame, 'type' | 'id'>): Applied {
		if (this.#position?.epoch !== frame.epoch) return 'gap';
		this.#become('live');
		return 'applied';
	}

	/**
	 * The client rule: a change that starts where this store stands is applied, one that ends at or before it is
	 * already in, anything else means that something in between is missing.
	 */
	applyDelta(frame: Omit<DeltaFrame, 'type'>): Applied {
		if (this.#position === null || this.#position.epoch !== frame.epoch) return 'gap';
		if (frame.prev !== this.#position.version) {
			return frame.version <= this.#position.version ? 'dropped' : 'gap';
		}
		for (const op of frame.ops) {
			if ('del' in op) this.#entries.delete(op.del);
			// An entry that moved out of the range is gone for this reader.
			else if (this.#inRange(op.put)) this.#entries.set(op.put.id, op.put);
			else this.#entries.delete(op.put.id);
		}
		this.#position = { epoch: frame.epoch, version: frame.version };
		this.#changed();
		return 'applied';
	}

	/** A mark names the version the server has sent up to: behind it means that a delta was lost. */
	isBehind(version: number): boolean {
		return this.#position !== null && this.#position.version < version;
	}

	/** The state is no longer valid; rights may have changed, so nothing of it stays on the screen. */
	applyReset(): void {
		this.#position = null;
		this.#entries.clear();
		this.#become('loading');
	}

	/** Whether this is the range that is shown. */
	covers(range: Range): boolean {
		return this.range.from === range.from && this.range.to === range.to;
	}

	/** Another range needs a snapshot; the old entries stay visible until it is here. */
	moveTo(range: Range): void {
		this.range = range;
		this.#position = null;
	}

	markStale(): void {
		if (this.status === 'live') this.#become('stale');
	}

	fail(code: string): void {
		this.failure = code;
		this.#position = null;
		this.#entries.clear();
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

	#inRange(entry: Entry): boolean {
		return (
			Date.parse(entry.end) > Date.parse(this.range.from) &&
			Date.parse(entry.start) < Date.parse(this.range.to)
		);
	}
}
