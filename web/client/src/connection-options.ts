// What a connection is given, and what it says about itself.

import type { BackoffLimits } from './close-codes.js';

/** The part of the browsers' `WebSocket` that is used; the `ws` package's class fits too. */
export interface SocketLike {
	readyState: number;
	send(data: string): void;
	close(code?: number, reason?: string): void;
	onopen: ((event: never) => unknown) | null;
	onmessage: ((event: never) => unknown) | null;
	onclose: ((event: never) => unknown) | null;
	onerror: ((event: never) => unknown) | null;
}
export type SocketConstructor = new (url: string, protocols?: string) => SocketLike;

/**
 * - `live`: changes arrive as they are committed
 * - `connecting`: an attempt is under way
 * - `waiting`: between two attempts
 * - `closed`: by `close()`, or refused for good (`closeReason`)
 */
export type ConnectionState = 'idle' | 'connecting' | 'live' | 'waiting' | 'closed';

export interface ConnectionOptions {
	/** `wss://…/ws` */
	url: string;
	/**
	 * Answers an access token, or a practice's API key. `fresh` asks for a new one: the old one is about to end or was
	 * refused. Without it the connection is a public one, see `practice`.
	 */
	token?: (fresh: boolean) => string | Promise<string>;
	/** The workspace; needed by people who have several. */
	tenant?: string;
	/** Instead of a token: the subdomain of the practice whose public side this is, for widgets. */
	practice?: string;
	/** Node 20 has no global WebSocket: pass the `ws` package's class there. */
	WebSocket?: SocketConstructor;
	backoff?: Partial<BackoffLimits>;
	/** A command without an answer fails after this long, reconnects included. */
	commandTimeoutMs?: number;
	/** Marks come every 10 s; a followed calendar that is silent for this long has a dead socket. */
	silenceMs?: number;
	/** A connect that is not answered within this time is given up. */
	connectTimeoutMs?: number;
	random?: () => number;
}
