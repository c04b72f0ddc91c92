// What the documents tell people to copy into a shell, copied into a shell.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { SERVER } from './harness';

const run = promisify(execFile);

function firstShellBlock(path: string): string {
	return readFileSync(path, 'utf8').match(/```sh\n(.*?)```/s)![1]!;
}

// Twice: it leaves nothing behind that stands in its way.
it.each(['once', 'and again'])("plays the protocol's session %s", async () => {
	const { stdout } = await run('bash', ['-euc', firstShellBlock('../docs/PROTOCOL.md')], {
		cwd: '..',
		env: { ...process.env, SERVER },
		timeout: 50_000
	});
	const heard = stdout.split('\n').filter((line) => line.startsWith('←'));
	const types = heard.map((line) => line.match(/"type":"(\w+)"/)?.[1]);
	expect(types.slice(0, 2)).toEqual(['connected', 'snapshot']);
	// The answers and the changes may come in either order, and the socket closes at the second change.
	expect(types.filter((type) => type === 'delta')).toHaveLength(2);
	expect(types).toContain('ok');
	expect(types).not.toContain('error');
});
