// E-mails as people get them: the server of these tests writes each as a file instead of sending it.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

const FOLDER =
	process.env.DENTICLOUD_MAIL_FOLDER ??
	fileURLToPath(new URL('../../../.denticloud/mail', import.meta.url));

export interface Letter {
	subject: string;
	text: string;
}

/** Waits for a letter to that address in which `wanted` is said. */
export function letterTo(address: string, wanted: string): Promise<Letter> {
	const look = async () => {
		for (const name of await readdir(FOLDER)) {
			if (!name.endsWith('.eml')) continue;
			const letter = read(await readFile(join(FOLDER, name), 'utf8'), address);
			if (letter?.text.includes(wanted)) return letter;
		}
		throw new Error(`no letter to ${address} says ${wanted}`);
	};
	return vi.waitFor(look, { timeout: 20_000, interval: 100 });
}

/** The link in a letter to that address which opens `page`, a path. */
export async function linkTo(address: string, page: string): Promise<string> {
	const { text } = await letterTo(address, page);
	return text.split(/\s+/).find((word) => word.startsWith('http') && word.includes(page))!;
}

/** Nothing for other people's letters, and for one that is just being written. */
function read(file: string, address: string): Letter | null {
	const [head = '', ...rest] = file.split('\r\n\r\n');
	const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim() ?? '';
	if (field('To') !== address) return null;
	const text = decode(rest.join('\r\n\r\n'), field('Content-Transfer-Encoding'));
	return text.trimEnd().endsWith('DentiCloud') ? { subject: field('Subject'), text } : null;
}

function decode(body: string, encoding: string): string {
	switch (encoding) {
		case 'base64':
			return Buffer.from(body, 'base64').toString();
		case 'quoted-printable': {
			const bytes = body
				.replace(/=\r\n/g, '')
				.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
			return Buffer.from(bytes, 'latin1').toString();
		}
		default:
			return body;
	}
}
