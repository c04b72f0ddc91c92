// What the pages behind links in e-mails have in common: the secret in the address, and what becomes of it.

import { request } from './api';

/** The secret behind `#`, which no server sees. */
export function secretOf(hash: string, name = 'token'): string {
	return new URLSearchParams(hash.replace(/^#/, '')).get(name) ?? '';
}

/** Codes that say that a link works no more, whatever it was for. */
const WORTHLESS = [
	'validation',
	'not_found',
	'invitation_over',
	'hold_expired',
	'expired',
	'answered',
	'gone'
];

export function isWorthless(code: string): boolean {
	return WORTHLESS.includes(code);
}

/** Somebody with a link asks; `token` is an access token, where there is one. */
export function ask<T>(
	method: string,
	path: string,
	options: { body?: unknown; token?: string | null } = {}
): Promise<T> {
	const headers: Record<string, string> = options.token
		? { Authorization: `Bearer ${options.token}` }
		: {};
	return request<T>(method, path, { body: options.body, headers });
}
