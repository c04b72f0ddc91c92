// A socket whose other end is the test.

import type { SocketLike } from '../src/connection-options.js';

export class FakeSocket implements SocketLike {
	static all: FakeSocket[] = [];
	static get last(): FakeSocket {
		return FakeSocket.all.at(-1)!;
	}

	readyState = 0;
	onopen: ((event: never) => unknown) | null = null;
	onmessage: ((event: never) => unknown) | null = null;
	onclose: ((event: never) => unknown) | null = null;
	onerror: ((event: never) => unknown) | null = null;
	sent: Record<string, any>[] = [];
	closedWith: number | undefined;

	constructor(
		readonly url: string,
		readonly protocol?: string
	) {
		FakeSocket.all.push(this);
	}

	send(data: string): void {
		this.sent.push(JSON.parse(data));
	}

	close(code?: number): void {
		this.closedWith = code;
		this.readyState = 3;
	}

	open(): void {
		this.readyState = 1;
		(this.onopen as (() => void) | null)?.();
	}

	receive(frame: Record<string, unknown>): void {
		(this.onmessage as ((e: { data: string }) => void) | null)?.({ data: JSON.stringify(frame) });
	}

	/** The server or the network closes. */
	lose(code: number): void {
		this.readyState = 3;
		(this.onclose as ((e: { code: number }) => void) | null)?.({ code });
	}

	/** Opens and answers `connect`. */
	accept(extra: Record<string, unknown> = {}): void {
		this.open();
		this.receive({
			type: 'connected',
			id: this.sentOf('connect')[0]!.id,
			ttlMs: 900_000,
			...extra
		});
	}

	sentOf(type: string): Record<string, any>[] {
		return this.sent.filter((frame) => frame.type === type);
	}
}
