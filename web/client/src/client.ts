// The commands by name, over a `Connection`. Changes get an idempotency key of their own unless the caller brings
// one (to continue a command of an earlier page, for example).

import type * as bodies from './bodies.js';
import { Connection } from './connection.js';
import type { CommandResult } from './commands.js';
import { newKey } from './keys.js';
import type { Appointment } from './protocol.js';

/** What a command resolves to. */
export type Done<T = Appointment> = Promise<CommandResult<T>>;

export class DentiCloudClient extends Connection {
	/** Free starts; `order: 'best'` leaves the fewest useless gaps. */
	availability(search: bodies.SlotSearch): Done<bodies.Slots> {
		return this.command('availability', { ...search });
	}

	/** Every rule and every claim that is in the way of a start, as far as the asker may know. */
	explain(question: bodies.Explanation): Done<bodies.Reasons> {
		return this.command('explain', { ...question });
	}

	book(appointment: bodies.BookAppointment, key = newKey()): Done {
		return this.#change('book', key, { appointment });
	}

	reschedule(change: bodies.NewTime, key = newKey()): Done {
		return this.#change('reschedule', key, { ...change });
	}

	resize(change: bodies.NewLength, key = newKey()): Done {
		return this.#change('resize', key, { ...change });
	}

	/** Two appointments change places, in one commit. */
	swap(change: bodies.Swap, key = newKey()): Done<bodies.Appointments> {
		return this.#change('swap', key, { ...change });
	}

	cancel(change: bodies.Cancellation, key = newKey()): Done {
		return this.#change('cancel', key, { ...change });
	}

	setStatus(change: bodies.NewStatus, key = newKey()): Done {
		return this.#change('setStatus', key, { ...change });
	}

	editNotes(change: bodies.NewNotes, key = newKey()): Done {
		return this.#change('editNotes', key, { ...change });
	}

	/** Keeps a time, for as long as the practice lets it. */
	hold(hold: bodies.NewHold, key = newKey()): Done<bodies.Hold> {
		return this.#change('hold', key, { ...hold });
	}

	renew(hold: bodies.OnHold, key = newKey()): Done<bodies.Hold> {
		return this.#change('renew', key, { ...hold });
	}

	release(hold: bodies.OnHold, key = newKey()): Done<unknown> {
		return this.#change('release', key, { ...hold });
	}

	/** Makes a hold an appointment. */
	confirm(confirmation: bodies.Confirmation, key = newKey()): Done {
		return this.#change('confirm', key, { ...confirmation });
	}

	block(block: bodies.NewBlock, key = newKey()): Done<bodies.Block> {
		return this.#change('block', key, { ...block });
	}

	editBlock(edit: bodies.BlockEdit, key = newKey()): Done<bodies.Block> {
		return this.#change('editBlock', key, { ...edit });
	}

	unblock(
		which: bodies.Occurrences & { blockId: string },
		key = newKey()
	): Done<{ removed: string[] }> {
		return this.#change('unblock', key, { ...which });
	}

	/** What would become of each occurrence; changes nothing. */
	previewSeries(series: bodies.NewSeries): Done<bodies.Series> {
		return this.command('series.preview', { ...series });
	}

	bookSeries(series: bodies.NewSeries, key = newKey()): Done<bodies.Series> {
		return this.#change('series.book', key, { ...series });
	}

	editSeries(edit: bodies.SeriesEdit, key = newKey()): Done<bodies.SeriesEdited> {
		return this.#change('series.edit', key, { ...edit });
	}

	cancelSeries(which: bodies.SeriesCancellation, key = newKey()): Done<bodies.SeriesEdited> {
		return this.#change('series.cancel', key, { ...which });
	}

	/** What would become of each visit; its `plan` is what to send to have exactly that. */
	previewReplan(replan: bodies.Replan): Done<bodies.Replanned> {
		return this.command('replan.preview', { ...replan });
	}

	replan(replan: bodies.Replan, key = newKey()): Done<bodies.Replanned> {
		return this.#change('replan', key, { ...replan });
	}

	#change<T>(type: string, idempotencyKey: string, body: Record<string, unknown>): Done<T> {
		return this.command<T>(type, { idempotencyKey, ...body });
	}
}
