// A dentist and the front desk side by side: what one does, the other sees at once, and nobody asks for it.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CalendarPage } from './calendar-page';
import { DENTIST, signIn, STAFF, startBrowser } from './harness';
import { Practice } from './rest';

let browser: Browser;
let practice: Practice;
let dentist: CalendarPage;
let desk: CalendarPage;

beforeAll(async () => {
	browser = await startBrowser();
	practice = await Practice.own();
	// Two zones that are not the practice's: the times on the page must be the practice's all the same.
	dentist = await signIn(browser, DENTIST, practice.tenantId, { timezoneId: 'Asia/Tokyo' });
	desk = await signIn(browser, STAFF, practice.tenantId, { timezoneId: 'America/New_York' });
});
afterAll(() => browser?.close());

/** Collects what the page fetches from now on. A reload or a poll would show. */
function requestsOf(calendar: CalendarPage): string[] {
	const requests: string[] = [];
	calendar.page.on('request', (request) => requests.push(request.url()));
	return requests;
}

describe('a change by one is seen by the other', () => {
	it('books by a click, in the column of the dentist and in that of the operatory', async () => {
		const [slot] = await practice.freeStarts(1);
		await desk.showDay(slot!.wall.slice(0, 10));
		const requests = requestsOf(desk);
		const appointment = await dentist.book(practice, slot!);
		const operatory = practice.calendarOf(slot!.operatoryId);
		await desk.entry({ appointment, calendar: operatory, start: slot!.start }).waitFor();
		await desk.entry({ appointment, calendar: practice.dentist.id }).waitFor();
		const text = await desk.entry({ appointment, calendar: operatory }).innerText();
		expect(text).toContain(slot!.wall.slice(11));
		expect(requests).toEqual([]);
	});

	it('moves by dragging', async () => {
		const [from, to] = await practice.freeStarts(2);
		const operatory = practice.calendarOf(from!.operatoryId);
		await desk.showDay(from!.wall.slice(0, 10));
		const appointment = await dentist.book(practice, from!);
		await desk.entry({ appointment, calendar: operatory, start: from!.start }).waitFor();
		await dentist.drag(appointment, operatory, from!.wall, to!.wall);
		await desk.entry({ appointment, calendar: operatory, start: to!.start }).waitFor();
		await desk
			.entry({ appointment, calendar: operatory, start: from!.start })
			.waitFor({ state: 'detached' });
		expect((await practice.appointment(appointment)).start).toBe(to!.start);
	});

	it('moves by the clock, and shows what was noted', async () => {
		const [from, to] = await practice.freeStarts(2);
		const calendar = practice.calendarOf(from!.operatoryId);
		await desk.showDay(from!.wall.slice(0, 10));
		await dentist.startBooking(practice, from!);
		await dentist.page.getByTestId('booking-notes').fill('Trae radiografías');
		await dentist.page.getByTestId('booking-submit').click();
		const entry = desk.entry({ calendar, start: from!.start });
		await entry.waitFor();
		const appointment = (await entry.getAttribute('data-appointment-id'))!;
		// By the dentist's part of it, which may begin later than the visit.
		await desk.entry({ appointment, calendar: practice.dentist.id }).click();
		const { page } = desk;
		await page.getByTestId('appointment-notes').waitFor();
		expect(await page.getByTestId('appointment-notes').innerText()).toBe('Trae radiografías');
		await page.getByTestId('move-open').click();
		const shown = await page.getByTestId('move-to').inputValue();
		const later = Date.parse(to!.start) - Date.parse(from!.start);
		const moved = new Date(Date.parse(`${shown}:00Z`) + later).toISOString().slice(0, 16);
		await page.getByTestId('move-to').fill(moved);
		await page.getByTestId('move-confirm').click();
		await dentist.entry({ appointment, calendar, start: to!.start }).waitFor();
		await page.getByTestId('appointment-dialog').waitFor({ state: 'detached' });
	});

	it('cancels with a reason', async () => {
		const [slot] = await practice.freeStarts(1);
		await dentist.showDay(slot!.wall.slice(0, 10));
		const appointment = await desk.book(practice, slot!);
		await dentist.entry({ appointment }).first().waitFor();
		await desk.open(appointment);
		await desk.page.getByTestId('cancel-open').click();
		await desk.page.getByTestId('cancel-reason').fill('Se enfermó');
		await desk.page.getByTestId('cancel-confirm').click();
		await dentist.entry({ appointment }).first().waitFor({ state: 'detached' });
		expect((await practice.appointment(appointment)).status).toBe('cancelled');
	});

	it('changes the status, and tells who has the appointment open that it is gone', async () => {
		const [slot] = await practice.freeStarts(1);
		await desk.showDay(slot!.wall.slice(0, 10));
		const appointment = await dentist.book(practice, slot!);
		await dentist.open(appointment);
		await dentist.page.getByTestId('status-select').selectOption('confirmed');
		await desk.entry({ appointment, status: 'confirmed' }).first().waitFor();
		await desk.open(appointment);
		await desk.page.getByTestId('cancel-open').click();
		await desk.page.getByTestId('cancel-reason').fill('Cambio de planes');
		await desk.page.getByTestId('cancel-confirm').click();
		await dentist.page.getByTestId('appointment-gone').waitFor();
		await dentist.page.keyboard.press('Escape');
		await dentist.page.getByTestId('appointment-dialog').waitFor({ state: 'detached' });
	});
});

describe('a refusal', () => {
	it('of a booking is told in the dialog and leaves the calendar right', async () => {
		const [slot] = await practice.freeStarts(1);
		await desk.startBooking(practice, slot!);
		const winner = await dentist.book(practice, slot!);
		await desk.page.getByTestId('booking-submit').click();
		const error = desk.page.getByTestId('booking-error');
		await error.waitFor();
		expect(await error.innerText()).toMatch(/ya está ocupado|ya tiene otra cita/);
		await desk.page.getByTestId('booking-discard').click();
		const calendar = practice.calendarOf(slot!.operatoryId);
		await desk.entry({ appointment: winner, calendar, start: slot!.start }).waitFor();
		expect(await desk.entry({ calendar, start: slot!.start }).count()).toBe(1);
	});

	it('of a drag is told and puts the appointment back', async () => {
		const [free, taken] = await practice.freeStarts(2);
		const calendar = practice.calendarOf(free!.operatoryId);
		await desk.book(practice, taken!);
		const appointment = await dentist.book(practice, free!);
		await dentist.drag(appointment, calendar, free!.wall, taken!.wall);
		await dentist.page.locator('[data-testid=toast][data-kind=refused]').waitFor();
		await dentist.entry({ appointment, calendar, start: free!.start }).waitFor();
		// Where it is drawn counts, not only what it is: back at its own time.
		const box = (await dentist.entry({ appointment, calendar }).boundingBox())!;
		const { y } = await dentist.pointAt(calendar, free!.wall);
		const again = (await dentist.entry({ appointment, calendar }).boundingBox()) ?? box;
		expect(y).toBeGreaterThan(again.y);
		expect(y).toBeLessThan(again.y + again.height);
		expect((await practice.appointment(appointment)).start).toBe(free!.start);
	});
});
