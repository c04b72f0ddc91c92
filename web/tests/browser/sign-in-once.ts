// Signs each demo person in once for the whole run, through the page: logins are rate-limited, scenarios are many.

import type { BrowserContext } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import {
	DENTIST,
	openPage,
	SERVER,
	STAFF,
	startBrowser,
	submitLogin,
	type Person
} from './harness';

export type Storage = Awaited<ReturnType<BrowserContext['storageState']>>;

declare module 'vitest' {
	interface ProvidedContext {
		/** What the browser keeps of a session, by e-mail. */
		storages: Record<string, Storage>;
		/** The dentist's answer of `/auth/login`, for what the scenarios ask beside the page. */
		login: {
			accessToken: string;
			workspaces: { tenantId: string; zone: string; subdomain: string }[];
		};
		/** The receptionist's token. */
		deskToken: string;
	}
}

export default async function setup(project: TestProject): Promise<void> {
	const browser = await startBrowser();
	try {
		const storages: Record<string, Storage> = {};
		for (const person of [DENTIST, STAFF]) {
			const page = await openPage(browser);
			await submitLogin(page, person);
			await page.getByTestId('calendar').waitFor();
			storages[person.email] = await page.context().storageState();
		}
		project.provide('storages', storages);
	} finally {
		await browser.close();
	}
	project.provide('login', await signedIn(DENTIST));
	project.provide('deskToken', (await signedIn(STAFF)).accessToken);
}

async function signedIn(person: Person): Promise<any> {
	const answer = await fetch(`${SERVER}/auth/login`, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify(person)
	});
	if (!answer.ok) throw new Error(`login of ${person.email}: ${answer.status}`);
	return answer.json();
}
