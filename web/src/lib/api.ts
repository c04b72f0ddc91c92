// The REST routes that the page reads, and their shapes. Changes go over the socket (`live.svelte.ts`).

import type { Appointment } from '@denticloud/client';

export interface User {
	id: string;
	email: string;
	name: string;
	roles: string[];
}

export interface Workspace {
	tenantId: string;
	name: string;
	role: string;
	permissions: string[];
	zone: string;
	subdomain: string;
}

export interface Login {
	accessToken: string;
	refreshToken: string;
	/** Seconds. */
	expiresIn: number;
	user: User;
	workspaces: Workspace[];
}

export interface Calendar {
	id: string;
	kind: 'dentist' | 'operatory' | 'staff' | 'equipment';
	name: string;
	/** Absent for operatories: those belong to a clinic, not to a practice. */
	tenantId: string | null;
	/** The provider's id or the operatory's. */
	ownerId: string;
	clinicId: string | null;
	zone: string;
}

export interface Treatment {
	id: string;
	code: string;
	name: string;
	nameEs: string | null;
	nameEn: string | null;
	durationMin: number;
	color: string | null;
}

export interface Patient {
	id: string;
	firstName: string;
	lastName: string;
	email: string | null;
	phone: string | null;
	dateOfBirth: string | null;
}

export interface Assignment {
	id: string;
	dentistId: string;
	operatoryId: string;
	/** Local dates of the clinic, both inclusive. */
	validFrom: string;
	validTo: string | null;
	/** `weekday` 1 is Monday; times are the clinic's wall clock. */
	hours: { weekday: number; from: string; to: string }[];
}

interface Page<T> {
	items: T[];
	nextCursor: string | null;
}

/** An RFC 9457 problem, or `network` when there was no answer. */
export class ApiError extends Error {
	constructor(
		readonly code: string,
		readonly status: number,
		detail?: string
	) {
		super(detail ?? code);
		this.name = 'ApiError';
	}
}

/** The code of whatever a request, or a command of the socket, failed with. */
export function codeOf(error: unknown): string {
	const { code } = (error ?? {}) as { code?: unknown };
	return typeof code === 'string' ? code : 'network';
}

export interface Credentials {
	/** Answers the access token; `fresh` when the last one was refused. */
	token: (fresh: boolean) => Promise<string>;
	tenantId: string;
}

export async function request<T>(
	method: string,
	path: string,
	options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal } = {}
): Promise<T> {
	let response: Response;
	try {
		response = await fetch(path, {
			method,
			headers: {
				...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
				...options.headers
			},
			body: options.body === undefined ? undefined : JSON.stringify(options.body),
			signal: options.signal
		});
	} catch (error) {
		if (options.signal?.aborted) throw error;
		throw new ApiError('network', 0);
	}
	if (response.status === 204) return undefined as T;
	const body = await response.json().catch(() => null);
	if (response.ok) return body as T;
	throw new ApiError(body?.code ?? codeOfStatus(response.status), response.status, body?.detail);
}

/** For answers that are not a problem document, a proxy's for example. */
function codeOfStatus(status: number): string {
	if (status === 401) return 'unauthorized';
	if (status === 403) return 'forbidden';
	if (status === 404) return 'not_found';
	if (status === 412) return 'stale';
	if (status === 429) return 'rate_limited';
	if (status === 503) return 'busy';
	return status < 500 ? 'validation' : 'network';
}

/** The workspace's data as one person may read it. */
export class PracticeApi {
	constructor(private readonly credentials: Credentials) {}

	calendars = () => this.#all<Calendar>('/calendars');
	treatments = () => this.#all<Treatment>('/treatments');
	assignments = () => this.#all<Assignment>('/assignments');
	appointment = (id: string) => this.#get<Appointment>(`/appointments/${encodeURIComponent(id)}`);

	async patients(query: string, signal: AbortSignal): Promise<Patient[]> {
		const path = `/patients?limit=10&q=${encodeURIComponent(query)}`;
		return (await this.#get<Page<Patient>>(path, signal)).items;
	}

	async #all<T>(path: string): Promise<T[]> {
		const items: T[] = [];
		let cursor: string | null = null;
		do {
			const suffix: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
			const page: Page<T> = await this.#get<Page<T>>(`${path}?limit=200${suffix}`);
			items.push(...page.items);
			cursor = page.nextCursor;
		} while (cursor);
		return items;
	}

	async #get<T>(path: string, signal?: AbortSignal): Promise<T> {
		const attempt = async (fresh: boolean) =>
			request<T>('GET', path, {
				signal,
				headers: {
					Authorization: `Bearer ${await this.credentials.token(fresh)}`,
					'X-Tenant-Id': this.credentials.tenantId
				}
			});
		try {
			return await attempt(false);
		} catch (error) {
			if (error instanceof ApiError && error.status === 401) return attempt(true);
			throw error;
		}
	}
}
