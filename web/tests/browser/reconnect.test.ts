// A lost network: the page says so, comes back by itself and misses nothing.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DENTIST, signIn, STAFF, startBrowser, startWire, type Wire } from './harness';
import { Practice } from './rest';

let browser: Browser;
let wire: Wire;
let practice: Practice;

beforeAll(async () => {
	browser = await startBrowser();
	wire = await startWire();
	practice = await Practice.own();
});
afterAll(async () => {
	await browser?.close();
	await wire?.close();
});

it('shows what happened while the connection was away, without a reload', async () => {
	const [before, during] = await practice.freeStarts(2);
	const dentist = await signIn(browser, DENTIST, practice.tenantId, { server: wire.url });
	const desk = await signIn(browser, STAFF, practice.tenantId);
	await dentist.showDay(before!.wall.slice(0, 10));
	const kept = await desk.book(practice, before!);
	await dentist.entry({ appointment: kept }).first().waitFor();
	await dentist.page.evaluate(() => Object.assign(window, { sameDocument: true }));

	wire.cut();
	await dentist.reconnecting();
	const missed = await desk.book(practice, during!);
	// What was known stays readable meanwhile.
	expect(await dentist.entry({ appointment: kept }).count()).toBeGreaterThan(0);
	expect(await dentist.entry({ appointment: missed }).count()).toBe(0);

	wire.mend();
	await dentist.live();
	await dentist.entry({ appointment: missed }).first().waitFor();
	expect(await dentist.page.evaluate(() => 'sameDocument' in window)).toBe(true);
});

it('sends a change that was made while away when the connection is back, once', async () => {
	const [slot] = await practice.freeStarts(1);
	const dentist = await signIn(browser, DENTIST, practice.tenantId, { server: wire.url });
	await dentist.startBooking(practice, slot!);
	wire.cut();
	await dentist.reconnecting();
	await dentist.page.getByTestId('booking-submit').click();
	wire.mend();
	await dentist.page.getByTestId('booking-dialog').waitFor({ state: 'detached' });
	const calendar = practice.calendarOf(slot!.operatoryId);
	await dentist.entry({ calendar, start: slot!.start }).waitFor();
	expect(await dentist.entry({ calendar, start: slot!.start }).count()).toBe(1);
});
