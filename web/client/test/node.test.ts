// The client over a real socket in Node, with the `ws` package's class: Node 20 has none of its own.

import { expect, it } from 'vitest';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { DentiCloudClient, type SocketConstructor } from '../src/index.js';

it('connects, follows and books in Node', async () => {
	const server = new WebSocketServer({ port: 0, handleProtocols: (offered) => [...offered][0]! });
	server.on('connection', (socket) => {
		socket.on('message', (data) => {
			const { id, type, calendar } = JSON.parse(String(data));
			const answer = (frame: object) => socket.send(JSON.stringify({ id, ...frame }));
			if (type === 'connect') answer({ type: 'connected', ttlMs: 900_000 });
			if (type === 'subscribe') {
				answer({ type: 'snapshot', calendar, epoch: 'e', version: 1, entries: [] });
			}
			if (type === 'book') {
				answer({ type: 'ok', result: { id: 'a1' }, positions: { c1: 2 } });
				const delta = { type: 'delta', calendar: 'c1', epoch: 'e', prev: 1, version: 2, ops: [] };
				socket.send(JSON.stringify(delta));
			}
		});
	});
	const { port } = server.address() as AddressInfo;
	const client = new DentiCloudClient({
		url: `ws://127.0.0.1:${port}`,
		token: () => 'token',
		WebSocket: WebSocket as unknown as SocketConstructor
	});
	client.open();
	const day = { from: '2027-03-03T00:00:00Z', to: '2027-03-04T00:00:00Z' };
	const store = client.follow('c1', day);
	await store.reached(1);
	const { result, positions } = await client.book({
		patientId: 'p',
		dentistId: 'd',
		treatmentId: 't',
		start: '2027-03-03T15:00:00Z'
	});
	expect(result.id).toBe('a1');
	await store.reached(positions.c1!);
	client.close();
	await new Promise((resolve) => server.close(resolve));
});
