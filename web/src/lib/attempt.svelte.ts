// What a person asks for with a button: whether it runs just now, and why it failed.

import { codeOf } from './api';

export class Attempt {
	busy = $state(false);
	/** The API's code, or `network`. */
	failure = $state<string | null>(null);

	/** Answers whether it worked. */
	async make(work: () => Promise<unknown>): Promise<boolean> {
		this.busy = true;
		this.failure = null;
		try {
			await work();
			return true;
		} catch (error) {
			this.failure = codeOf(error);
			return false;
		} finally {
			this.busy = false;
		}
	}
}
