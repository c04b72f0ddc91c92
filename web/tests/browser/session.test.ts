// Signing in and out, languages, small screens, accessibility.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { violations } from './accessibility';
import { DENTIST, openPage, signIn, STAFF, startBrowser, submitLogin } from './harness';
import { Practice } from './rest';
import { addDays, todayIn } from '../../src/lib/zone';

let browser: Browser;
let practice: Practice;

beforeAll(async () => {
	browser = await startBrowser();
	practice = await Practice.own();
});
afterAll(() => browser?.close());

describe('signing in', () => {
	it('says that a password is wrong, in the language of the browser', async () => {
		const page = await openPage(browser, { locale: 'en-US' });
		await submitLogin(page, { ...DENTIST, password: 'not the password' });
		const error = page.getByTestId('login-error');
		await error.waitFor();
		expect(await error.innerText()).toContain('not right');
		await page.getByTestId('language-es').click();
		expect(await error.innerText()).toContain('no son correctos');
	});

	it('survives a reload, and ends with signing out', async () => {
		const page = await openPage(browser);
		await submitLogin(page, DENTIST);
		await page.getByTestId('calendar').waitFor();
		await page.reload();
		await page.getByTestId('calendar').waitFor();
		await page.getByTestId('logout').click();
		await page.getByTestId('login-form').waitFor();
		await page.reload();
		await page.getByTestId('login-form').waitFor();
	});

	it('shows another practice after switching the workspace', async () => {
		const calendar = await signIn(browser, STAFF, practice.tenantId);
		const { page } = calendar;
		const own = page.locator(`[data-testid=column][data-calendar-id="${practice.dentist.id}"]`);
		await own.first().waitFor();
		const others = await page.getByTestId('workspace').locator('option').all();
		const values = await Promise.all(others.map((option) => option.getAttribute('value')));
		await page
			.getByTestId('workspace')
			.selectOption(values.find((value) => value !== practice.tenantId)!);
		await own.first().waitFor({ state: 'detached' });
		await calendar.live();
	});
});

describe('accessibility', () => {
	it('of the login page', async () => {
		expect(await violations(await openPage(browser))).toEqual([]);
	});

	it('of a day without a visit, in both languages', async () => {
		const calendar = await signIn(browser, DENTIST, practice.tenantId);
		const { page } = calendar;
		await calendar.showDay(nextYear(practice.zone));
		await page.getByTestId('entry').first().waitFor({ state: 'detached' });
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('language-en').click();
		await page.getByTestId('view-week').click();
		await page.locator('.ec-main[tabindex="0"]').waitFor();
		expect(await violations(page)).toEqual([]);
	});

	it('of the calendar and its dialogs, on a wide and on a narrow screen', async () => {
		const [slot] = await practice.freeStarts(1);
		const calendar = await signIn(browser, DENTIST, practice.tenantId);
		const { page } = calendar;
		await calendar.startBooking(practice, slot!);
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('booking-discard').click();
		const appointment = await calendar.book(practice, slot!);
		expect(await violations(page)).toEqual([]);
		await page.setViewportSize({ width: 390, height: 844 });
		await calendar.open(appointment);
		expect(await violations(page)).toEqual([]);
		const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
		expect(wider).toBe(false);
	});
});

/** So far ahead that nobody has booked there. */
function nextYear(zone: string): string {
	return addDays(todayIn(zone, Date.now()), 390);
}
