// The pages that links in e-mails open, with links that do not work: in both languages. With those that do, see
// letters.test.ts.

import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
		'/app/register',
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
});
