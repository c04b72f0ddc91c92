// The calendar page as a person uses it: by clicks and drags at times of columns. Every wait is for a condition.

import type { Locator, Page } from 'playwright-core';
import type { Practice, Slot } from './rest';

export interface EntryAt {
	appointment?: string;
	calendar?: string;
	start?: string;
	status?: string;
}

export class CalendarPage {
	constructor(readonly page: Page) {}

	live(): Promise<void> {
		return this.page.locator('[data-testid=connection][data-state=live]').waitFor();
	}

	reconnecting(): Promise<void> {
		return this.page.locator('[data-testid=connection][data-state=reconnecting]').waitFor();
	}

	async showDay(date: string): Promise<void> {
		await this.page.getByTestId('view-day').click();
		await this.page.getByTestId('goto-date').fill(date);
		await this.page.locator(`.ec-header time[datetime="${date}"]`).waitFor();
	}

	entry({ appointment, calendar, start, status }: EntryAt): Locator {
		const attribute = (name: string, value?: string) => (value ? `[data-${name}="${value}"]` : '');
		return this.page.locator(
			'[data-testid=entry]' +
				attribute('appointment-id', appointment) +
				attribute('calendar-id', calendar) +
				attribute('start', start) +
				attribute('status', status)
		);
	}

	/** The middle of the quarter of an hour that begins at `wall`, in a column of the day view, scrolled to. */
	async pointAt(calendarId: string, wall: string): Promise<{ x: number; y: number }> {
		return this.page.evaluate(
			({ calendarId, wall }) => {
				const main = document.querySelector<HTMLElement>('.ec-main')!;
				const labels = [...main.querySelectorAll<HTMLElement>('[data-testid=column]')];
				const column = labels.findIndex((label) => label.dataset.calendarId === calendarId);
				const day = main.querySelectorAll<HTMLElement>('.ec-body .ec-day')[column]!;
				const first = main.querySelector('.ec-body .ec-sidebar time')!.getAttribute('datetime')!;
				const minutes = (clock: string) =>
					Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
				const quarters = (minutes(wall.slice(11)) - minutes(first.slice(11))) / 15;
				const height = parseFloat(main.style.getPropertyValue('--ec-slot-height'));
				const top = () => day.getBoundingClientRect().top + (quarters + 0.5) * height;
				const box = main.getBoundingClientRect();
				main.scrollTop += top() - (box.top + box.height / 2);
				day.scrollIntoView({ block: 'nearest', inline: 'nearest' });
				main.scrollTop += top() - (box.top + box.height / 2);
				const { left, width } = day.getBoundingClientRect();
				return { x: left + width / 2, y: top() };
			},
			{ calendarId, wall }
		);
	}

	/** Clicks a free time and fills in the dialog, without sending it. */
	async startBooking(practice: Practice, slot: Slot): Promise<void> {
		const { page } = this;
		await this.showDay(slot.wall.slice(0, 10));
		const { x, y } = await this.pointAt(practice.calendarOf(slot.operatoryId), slot.wall);
		await page.mouse.click(x, y);
		await page.getByTestId('booking-dialog').waitFor();
		const patient = await practice.patientFor(slot);
		await page.getByTestId('patient-search').fill(patient.lastName);
		await page.locator(`[data-testid=patient-option][data-patient-id="${patient.id}"]`).click();
		await page.getByTestId('booking-treatment').selectOption(practice.treatment.id);
		await page.getByTestId('booking-dentist').selectOption(practice.dentist.ownerId);
	}

	/** Books and answers the appointment's id. */
	async book(practice: Practice, slot: Slot): Promise<string> {
		await this.startBooking(practice, slot);
		await this.page.getByTestId('booking-submit').click();
		await this.page.getByTestId('booking-dialog').waitFor({ state: 'detached' });
		const calendar = practice.calendarOf(slot.operatoryId);
		const entry = this.entry({ calendar, start: slot.start });
		await entry.waitFor();
		return (await entry.getAttribute('data-appointment-id'))!;
	}

	/** Where somebody else drags or books. */
	ghost({
		calendar,
		start,
		state
	}: {
		calendar?: string;
		start?: string;
		state?: string;
	}): Locator {
		const attribute = (name: string, value?: string) => (value ? `[data-${name}="${value}"]` : '');
		return this.page.locator(
			'[data-testid=ghost]' +
				attribute('calendar-id', calendar) +
				attribute('start', start) +
				attribute('state', state)
		);
	}

	/** Somebody else on the page, in its head. */
	other(userId: string): Locator {
		return this.page.locator(`[data-testid=other][data-user-id="${userId}"]`);
	}

	/** Drags an entry so that it begins at `wall` in the same column. */
	async drag(appointment: string, calendarId: string, fromWall: string, toWall: string) {
		await this.hover(appointment, calendarId, fromWall, toWall);
		await this.page.mouse.up();
	}

	/** As `drag`, without letting go. */
	async hover(appointment: string, calendarId: string, fromWall: string, toWall: string) {
		const { mouse } = this.page;
		await this.entry({ appointment, calendar: calendarId }).waitFor();
		const from = await this.pointAt(calendarId, fromWall);
		await mouse.move(from.x, from.y);
		await mouse.down();
		// Measured again: nothing scrolls between the two when both fit, and a day's visits do not always.
		const to = await this.offsetTo(fromWall, toWall);
		await mouse.move(from.x, from.y + to / 2, { steps: 5 });
		await mouse.move(from.x, from.y + to, { steps: 5 });
	}

	private offsetTo(fromWall: string, toWall: string): Promise<number> {
		return this.page.evaluate(
			({ fromWall, toWall }) => {
				const main = document.querySelector<HTMLElement>('.ec-main')!;
				const height = parseFloat(main.style.getPropertyValue('--ec-slot-height'));
				return ((Date.parse(`${toWall}Z`) - Date.parse(`${fromWall}Z`)) / 900_000) * height;
			},
			{ fromWall, toWall }
		);
	}

	async open(appointment: string): Promise<void> {
		await this.entry({ appointment }).first().click();
		await this.page.getByTestId('appointment-dialog').waitFor();
	}
}
