// The live calendar of the client's README, taken from there and run as a program of its own, in plain Node.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DENTIST, SERVER } from './harness';
import { Practice } from './rest';

let program: ChildProcess | undefined;
let practice: Practice;

/** The README's first block in which a client is opened. */
function example(): string {
	const readme = readFileSync('client/README.md', 'utf8');
	const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]!);
	return blocks.find((block) => block.includes('client.open()'))!;
}

beforeAll(async () => {
	practice = await Practice.own();
	execFileSync('npm', ['run', '--silent', 'build:client']);
	mkdirSync('client/dist', { recursive: true });
	// Beside the package's own files, where its name can be resolved.
	writeFileSync('client/dist/live-calendar.mjs', example());
});
afterAll(() => void program?.kill());

it('is a live calendar in twenty lines', async () => {
	expect(example().trim().split('\n').length).toBeLessThanOrEqual(20);
	expect(example()).toContain(DENTIST.email);
	program = spawn(process.execPath, ['client/dist/live-calendar.mjs', practice.dentist.id], {
		env: { ...process.env, DENTICLOUD_URL: SERVER },
		stdio: ['ignore', 'pipe', 'inherit']
	});
	let printed = '';
	const shows = (text: string) =>
		new Promise<void>((resolve, reject) => {
			const look = () => {
				// Each drawing is the whole calendar.
				if (printed.includes(text)) resolve();
			};
			look();
			program!.stdout!.on('data', look);
			program!.once('exit', (code) => reject(new Error(`ended with ${code}: ${printed}`)));
		});
	program.stdout!.on('data', (data) => (printed += String(data)));
	await shows('live');
	const slot = await practice.soon();
	const booked = await practice.book(slot);
	await shows(`${booked.start} scheduled`);
	await practice.cancel(booked.id);
});
