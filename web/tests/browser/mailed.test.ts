// The pages that links in e-mails open: with a link that works, with one that does not, in both languages.

import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openPage, SERVER, startBrowser } from './harness';

let browser: Browser;
beforeAll(async () => {
	browser = await startBrowser();
});
afterAll(() => browser?.close());

async function at(path: string, locale = 'es-EC'): Promise<Page> {
	const page = await openPage(browser, { locale });
	await page.goto(`${SERVER}${path}`);
	await page.getByTestId('mailed').waitFor();
	return page;
}

describe('pages behind links', () => {
	const PAGES = [
		'/app/verify-email#token=x',
		'/app/confirm-email#token=x',
		'/app/reset-password#token=x',
		'/app/forgot-password',
		'/app/invitation#token=x',
		'/my/link-requests#token=x',
		'/my/offers#token=x',
		'/book/nowhere#manage=x'
	];

	it('read well, in Spanish and English', async () => {
		for (const path of PAGES) {
			const page = await at(path);
			const spanish = await page.locator('h1').innerText();
			const { violations } = await new AxeBuilder({ page }).analyze();
			expect(violations.map(({ id }) => `${path} ${id}`)).toEqual([]);
			await page.getByTestId('language-en').click();
			expect(await page.locator('h1').innerText()).not.toBe(spanish);
			await page.context().close();
		}
	});

	it('say when a link works no more', async () => {
		for (const path of ['/app/verify-email#token=x', '/app/confirm-email#token=x']) {
			const page = await at(path);
			await page.getByTestId('mailed-submit').click();
			await page.getByTestId('mailed-failure').waitFor();
			await page.context().close();
		}
		const offer = await at('/my/offers#token=x', 'en-US');
		await offer.getByTestId('mailed-accept').click();
		expect(await offer.getByTestId('mailed-failure').innerText()).toContain('works no more');
		for (const path of [
			'/app/invitation#token=x',
			'/my/link-requests#token=x',
			'/book/x#manage=x'
		]) {
			const page = await at(path);
			await page.getByTestId('mailed-failure').waitFor();
		}
	});

	it('lead from the login page to a new password', async () => {
		const page = await openPage(browser, { locale: 'en-US' });
		await page.getByRole('link', { name: 'Forgotten your password?' }).click();
		await page.getByTestId('forgot-email').fill('nobody@example.com');
		await page.getByTestId('forgot-submit').click();
		await page.getByTestId('mailed-done').waitFor();
		await page.goto(`${SERVER}/app/reset-password#token=x`);
		await page.getByTestId('reset-password').fill('Another-one-9');
		await page.getByTestId('reset-submit').click();
		await page.getByTestId('mailed-failure').waitFor();
	});

	it('show a guest their visit, and cancel it', async () => {
		const { subdomain } = inject('login').workspaces[0]!;
		const booked = await bookAsGuest(subdomain);
		const page = await at(`/book/${subdomain}#manage=${booked.manageToken}`, 'en-US');
		await page.getByTestId('booking-when').waitFor();
		await page.getByTestId('booking-cancel').click();
		await page.getByTestId('mailed-done').waitFor();
		await page.reload();
		await page.getByTestId('mailed-done').waitFor();
	});
});

/** A booking of the public page, without an account. */
async function bookAsGuest(subdomain: string): Promise<{ manageToken: string }> {
	const ask = async (path: string, body?: unknown) => {
		const answer = await fetch(`${SERVER}/public/${subdomain}${path}`, {
			method: body ? 'POST' : 'GET',
			headers: { 'Content-Type': 'application/json' },
			body: body ? JSON.stringify(body) : undefined
		});
		if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
		return answer.json();
	};
	const { treatments } = await ask('');
	const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
	const range = `from=${day(20)}T00:00:00Z&to=${day(27)}T00:00:00Z`;
	const query = `treatment=${treatments[0].id}&${range}`;
	const { slots } = await ask(`/availability?${query}&limit=1`);
	const { dentistId, start } = slots[0];
	const held = await ask('/holds', { treatmentId: treatments[0].id, dentistId, start });
	const email = `guest-${Date.now()}@example.com`;
	const patient = { firstName: 'Ana', lastName: 'Paz', email };
	return ask(`/holds/${held.id}/confirm`, { patient, holdToken: held.holdToken });
}
