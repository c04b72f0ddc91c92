// Who else looks at the calendar, and what they are about to take: between two people, live, and nothing of it is a
// change of the calendar.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { violations } from './accessibility';
import type { CalendarPage } from './calendar-page';
import { DENTIST, signIn, STAFF, startBrowser } from './harness';
import { Practice } from './rest';

let browser: Browser;
let practice: Practice;
let dentist: CalendarPage;
let desk: CalendarPage;
let dentistId: string;
let deskId: string;

beforeAll(async () => {
	browser = await startBrowser();
	practice = await Practice.own();
	dentistId = (await practice.member(DENTIST.email)).id;
	deskId = (await practice.member(STAFF.email)).id;
	dentist = await signIn(browser, DENTIST, practice.tenantId);
	desk = await signIn(browser, STAFF, practice.tenantId, { locale: 'en-US' });
});
afterAll(() => browser?.close());

it('shows who else is here, on the page and on each column', async () => {
	await desk.other(dentistId).waitFor();
	await dentist.other(deskId).waitFor();
	const column = desk.page.locator(
		`:has(> [data-testid=column][data-calendar-id="${practice.dentist.id}"]) ` +
			`[data-testid=column-other][data-user-id="${dentistId}"]`
	);
	await column.first().waitFor();
	// Nobody sees themselves.
	expect(await desk.other(deskId).count()).toBe(0);
});

it('shows what somebody is booking until they have done it or thought better of it', async () => {
	const [slot] = await practice.freeStarts(1);
	const calendar = practice.calendarOf(slot!.operatoryId);
	await desk.showDay(slot!.wall.slice(0, 10));
	await dentist.startBooking(practice, slot!);
	const there = desk.ghost({ calendar, start: slot!.start, state: 'holding' });
	await there.waitFor();
	expect(await there.innerText()).toMatch(/ is booking$/);
	// The dentist's column is taken as well, and only others see it.
	await desk.ghost({ calendar: practice.dentist.id, state: 'holding' }).waitFor();
	expect(await dentist.ghost({}).count()).toBe(0);
	expect(await violations(desk.page)).toEqual([]);
	await dentist.page.getByTestId('booking-discard').click();
	await there.waitFor({ state: 'detached' });
	expect(await desk.entry({ calendar, start: slot!.start }).count()).toBe(0);
});

it('shows where somebody drags a visit, before they let go of it', async () => {
	const [from, to] = await practice.freeStarts(2);
	const calendar = practice.calendarOf(from!.operatoryId);
	await desk.showDay(from!.wall.slice(0, 10));
	const appointment = await dentist.book(practice, from!);
	await desk.entry({ appointment, calendar, start: from!.start }).waitFor();
	await dentist.hover(appointment, calendar, from!.wall, to!.wall);
	const there = desk.ghost({ calendar, start: to!.start, state: 'dragging' });
	await there.waitFor();
	expect(await there.innerText()).toMatch(/ is moving an appointment$/);
	await desk.entry({ appointment, calendar, start: from!.start }).waitFor();
	await dentist.page.mouse.up();
	await there.waitFor({ state: 'detached' });
	await desk.entry({ appointment, calendar, start: to!.start }).waitFor();
});

it('tells the own other window from other people, and forgets who leaves', async () => {
	const second = await signIn(browser, DENTIST, practice.tenantId);
	const own = second.other(dentistId);
	await own.waitFor();
	expect(await own.getAttribute('title')).toBe('Usted, en otra ventana');
	// One person, however many windows.
	expect(await desk.other(dentistId).count()).toBe(1);
	await second.page.context().close();
	await dentist.other(dentistId).waitFor({ state: 'detached' });
	await dentist.page.context().close();
	await desk.other(dentistId).waitFor({ state: 'detached' });
});
