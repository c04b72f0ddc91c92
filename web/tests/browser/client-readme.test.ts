// The client package as others have it: packed, unpacked elsewhere, and the live calendar of its README run there as it
// is printed, in plain Node.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DENTIST, SERVER } from './harness';
import { Practice } from './rest';

let practice: Practice;
const folder = mkdtempSync(join(tmpdir(), 'denticloud-client-'));

/** The README's first block. */
const example = readFileSync('client/README.md', 'utf8').match(/```js\n(.*?)```/s)![1]!;

beforeAll(async () => {
	practice = await Practice.own();
	const packed = execFileSync(
		'npm',
		['pack', '--silent', '--workspace', 'client', '--pack-destination', folder],
		{ encoding: 'utf8' }
	);
	const installed = join(folder, 'node_modules/@denticloud/client');
	mkdirSync(installed, { recursive: true });
	const archive = join(folder, packed.trim().split('\n').at(-1)!);
	execFileSync('tar', ['-xzf', archive, '-C', installed, '--strip-components=1']);
	// The only other package that the example names.
	symlinkSync(resolve('node_modules/ws'), join(folder, 'node_modules/ws'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program in the folder; answers how to wait for what it prints. */
function run(name: string, text: string, flags: string[] = []) {
	writeFileSync(join(folder, name), text);
	const program = spawn(process.execPath, [...flags, name, practice.dentist.id], {
		cwd: folder,
		env: { ...process.env, DENTICLOUD_URL: SERVER },
		stdio: ['ignore', 'pipe', 'inherit']
	});
	let printed = '';
	let look = () => {};
	let ended: number | null = null;
	program.stdout.on('data', (data) => {
		printed += String(data);
		look();
	});
	program.on('exit', (code) => {
		ended = code ?? -1;
		look();
	});
	return {
		/** Waits until the newest drawing is such a one; each drawing is the whole calendar. */
		shows: (wanted: (drawing: string) => boolean) =>
			new Promise<void>((resolve, reject) => {
				look = () => {
					if (wanted(printed.split('\n\n').at(-1)!)) resolve();
					else if (ended !== null) reject(new Error(`ended with ${ended}: ${printed}`));
				};
				look();
			}),
		stop: () => program.kill()
	};
}

async function followsABooking(program: ReturnType<typeof run>): Promise<void> {
	try {
		await program.shows((drawing) => drawing.includes('live'));
		const booked = await practice.book(await practice.soon());
		// A dentist's entry is their part of the visit: it may start later than the visit does.
		const { start } = await practice.entryOf(booked.id);
		await program.shows((drawing) => drawing.includes(`${start} scheduled`));
		await practice.cancel(booked.id);
		await program.shows((drawing) => !drawing.includes(`${start} scheduled`));
	} finally {
		program.stop();
	}
}

it('is a live calendar in twenty lines', async () => {
	expect(example.trim().split('\n').length).toBeLessThanOrEqual(20);
	expect(example).toContain(DENTIST.email);
	await followsABooking(run('live-calendar.mjs', example));
});

it("does with Node's own WebSocket as well", async () => {
	const own = example.replace(/^import .* from 'ws'.*\n/m, '').replace(', WebSocket }', ' }');
	expect(own).not.toContain('WebSocket');
	// Built in since Node 22; behind a flag before.
	const flags = 'WebSocket' in globalThis ? [] : ['--experimental-websocket', '--no-warnings'];
	await followsABooking(run('own-websocket.mjs', own, flags));
});
