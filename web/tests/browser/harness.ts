// A browser, and people who are signed in to the page with it.

import net from 'node:net';
import { chromium, type Browser, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { CalendarPage } from './calendar-page';

export const SERVER = process.env.DENTICLOUD_URL ?? 'http://localhost:3000';

export interface Person {
	email: string;
	password: string;
}
export const DENTIST: Person = { email: 'dentist@dentista.com', password: 'Dentist123!' };
export const STAFF: Person = { email: 'recepcion@dentista.com', password: 'Staff123!' };

/** A fresh profile each time: Playwright makes and removes it. */
export function startBrowser(): Promise<Browser> {
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		headless: true,
		args: [
			'--headless',
			'--no-sandbox',
			'--disable-gpu',
			'--disable-quic',
			'--no-first-run',
			'--disable-background-networking',
			'--disable-component-update',
			'--disable-sync'
		]
	});
}

export interface PageOptions {
	/** The browser's zone; the page must not care. */
	timezoneId?: string;
	locale?: string;
	server?: string;
	viewport?: { width: number; height: number };
	/** Opens the page as somebody who has signed in before. */
	as?: Person;
}

export async function openPage(browser: Browser, options: PageOptions = {}): Promise<Page> {
	const server = options.server ?? SERVER;
	const context = await browser.newContext({
		storageState: options.as && sessionOf(options.as, server),
		locale: options.locale ?? 'es-EC',
		timezoneId: options.timezoneId ?? 'Asia/Tokyo',
		viewport: options.viewport ?? { width: 1280, height: 900 }
	});
	context.setDefaultTimeout(15_000);
	const page = await context.newPage();
	await page.goto(`${server}/app`);
	return page;
}

/** The stored session, moved to the address under which the page is opened. */
function sessionOf(person: Person, server: string) {
	const { cookies, origins } = inject('storages')[person.email]!;
	return { cookies, origins: origins.map((stored) => ({ ...stored, origin: server })) };
}

export async function submitLogin(page: Page, person: Person): Promise<void> {
	await page.getByTestId('login-email').fill(person.email);
	await page.getByTestId('login-password').fill(person.password);
	await page.getByTestId('login-submit').click();
}

/** Opens the page signed in, chooses the workspace when there are several, and waits until the calendar is live. */
export async function signIn(
	browser: Browser,
	person: Person,
	tenantId: string,
	options: PageOptions = {}
): Promise<CalendarPage> {
	const page = await openPage(browser, { ...options, as: person });
	await page.getByTestId('calendar').waitFor();
	const workspaces = page.getByTestId('workspace');
	if (await workspaces.isVisible()) await workspaces.selectOption(tenantId);
	const calendar = new CalendarPage(page);
	await calendar.live();
	return calendar;
}

export interface Wire {
	url: string;
	/** Cuts every connection and lets none through until `mend`. */
	cut(): void;
	mend(): void;
	close(): Promise<void>;
}

/** A cable between browser and server that can be cut: the page sees what a lost network looks like. */
export async function startWire(): Promise<Wire> {
	const target = new URL(SERVER);
	const sockets = new Set<net.Socket>();
	let open = true;
	const wire = net.createServer((near) => {
		if (!open) return void near.destroy();
		const far = net.connect(Number(target.port || 80), target.hostname);
		for (const [from, to] of [
			[near, far],
			[far, near]
		] as const) {
			sockets.add(from);
			from.pipe(to);
			from.on('error', () => to.destroy());
			from.on('close', () => {
				sockets.delete(from);
				to.destroy();
			});
		}
	});
	await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
	const cut = () => {
		open = false;
		for (const socket of sockets) socket.destroy();
	};
	return {
		url: `http://localhost:${(wire.address() as net.AddressInfo).port}`,
		cut,
		mend: () => void (open = true),
		close: () => {
			cut();
			return new Promise((resolve) => wire.close(() => resolve()));
		}
	};
}
