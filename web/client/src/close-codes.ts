// What a closed socket means for the next attempt. Mirrors the server's close codes:
// 40xx do not come back unchanged, 41xx back off, 42xx come back now.

export type AfterClose =
	/** Reconnect, but with a new token: the old one was not accepted. */
	| 'new-token'
	/** Do not reconnect: the same attempt would be refused again. */
	| 'stop'
	/** The server asks for air: at least a second, with jitter. */
	| 'back-off'
	/** Reconnect at once and resume. */
	| 'now'
	/** The network, not the server, ended it: the usual growing delay. */
	| 'retry';

export function afterClose(code: number): AfterClose {
	if (code === 4001) return 'new-token';
	if (code >= 4000 && code < 4100) return 'stop';
	if (code >= 4100 && code < 4200) return 'back-off';
	if (code >= 4200 && code < 4300) return 'now';
	return 'retry';
}

export interface BackoffLimits {
	/** The first delay's upper bound, milliseconds. */
	baseMs: number;
	/** No delay is longer, milliseconds. */
	maxMs: number;
}

/**
 * The delay before attempt number `failures + 1`, milliseconds. It doubles with every failure; the upper half is
 * random, so that thousands of clients that lost the same server do not come back in the same instant.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number): number {
	const ceiling = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.max(0, failures - 1));
	return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/** The delay after `why`, where `failures` counts the attempts since the last good connection (this one included). */
export function delayAfter(
	why: AfterClose,
	failures: number,
	limits: BackoffLimits,
	random: () => number
): number {
	// "Now" only once: a server that keeps sending us away must not be asked in a tight loop.
	if ((why === 'now' || why === 'new-token') && failures <= 1) return 0;
	const delay = backoffMs(failures, limits, random);
	return why === 'back-off' ? 1000 + delay : delay;
}
