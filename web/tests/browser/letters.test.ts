// From the letter to what its link is for: each link that the server mails, clicked in a browser as its reader would.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { violations } from './accessibility';
import { openPage, SERVER, startBrowser, submitLogin, type Person } from './harness';
import { letterTo, linkTo } from './letters';
import { ask, bookAsGuest, Practice } from './rest';

let browser: Browser;
let practice: Practice;
beforeAll(async () => {
	browser = await startBrowser();
	practice = await Practice.own();
});
afterAll(() => browser?.close());

const SPANISH = 'es-EC';
const ENGLISH = 'en-US';

/** Somebody whom no other scenario knows. */
function somebody(name: string): Person {
	const letters = Math.random().toString(36).slice(2, 10);
	return { email: `${name}-${letters}@example.com`, password: 'Cepillo-azul-27' };
}

/** Opens a link in a profile of its own; `page` continues with another one. */
async function follow(link: string, locale: string, page?: Page): Promise<Page> {
	page ??= await openPage(browser, { locale });
	await page.goto('about:blank');
	await page.goto(link);
	await page.getByTestId('mailed').or(page.getByTestId('login')).waitFor();
	return page;
}

/** The page says that it worked, reads well, and does not do it twice. */
async function worked(page: Page, says: string | RegExp): Promise<void> {
	await page.getByTestId('mailed-done').filter({ hasText: says }).waitFor();
	expect(await violations(page)).toEqual([]);
}

async function refused(link: string, locale: string, button?: string): Promise<void> {
	const page = await follow(link, locale);
	if (button) await page.getByTestId(button).click();
	await page.getByTestId('mailed-failure').waitFor();
	await page.context().close();
}

async function signIn(page: Page, person: Person, then: string): Promise<void> {
	await page.goto(`${SERVER}/app`);
	await submitLogin(page, person);
	await page.getByTestId(then).waitFor();
}

/** A session of somebody with an account, for what is asked beside the page. */
function login({ email, password }: Person): Promise<any> {
	return ask(null, null, '/auth/login', { email, password });
}

/** Registers on the page and follows the letter's link. */
async function registered(person: Person, locale: string, link: Page): Promise<void> {
	await link.getByTestId('register-first-name').fill('Eva');
	await link.getByTestId('register-last-name').fill('Paz');
	await link.getByTestId('register-email').fill(person.email);
	await link.getByTestId('register-password').fill(person.password);
	expect(await violations(link)).toEqual([]);
	await link.getByTestId('register-submit').click();
	await worked(link, locale === SPANISH ? 'Le enviamos un correo' : 'You have mail');
	const page = await follow(await linkTo(person.email, '/app/verify-email'), locale);
	expect(await violations(page)).toEqual([]);
	await page.getByTestId('mailed-submit').click();
	await worked(page, locale === SPANISH ? 'Su correo está confirmado' : 'is confirmed');
	await page.context().close();
}

async function newAccount(person: Person, locale: string): Promise<void> {
	const page = await openPage(browser, { locale });
	await page.goto(`${SERVER}/app/register`);
	await registered(person, locale, page);
	await page.context().close();
}

describe('letters about an account', () => {
	let eva: Person;
	beforeEach(() => void (eva = somebody('eva')));

	it('confirm an address, once', async () => {
		const page = await openPage(browser, { locale: SPANISH });
		await page.goto(`${SERVER}/app/register`);
		await registered(eva, SPANISH, page);
		await refused(await linkTo(eva.email, '/app/verify-email'), SPANISH, 'mailed-submit');
		await signIn(page, eva, 'no-workspace');
	});

	it('replace a forgotten password', async () => {
		await newAccount(eva, ENGLISH);
		const page = await openPage(browser, { locale: ENGLISH });
		await page.getByRole('link', { name: 'Forgotten your password?' }).click();
		await page.getByTestId('forgot-email').fill(eva.email);
		await page.getByTestId('forgot-submit').click();
		await worked(page, 'a link is on its way');
		const link = await linkTo(eva.email, '/app/reset-password');
		const password = 'Hilo-dental-33';
		await follow(link, ENGLISH, page);
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('reset-password').fill(password);
		await page.getByTestId('reset-submit').click();
		await worked(page, 'Your password is the new one');
		await letterTo(eva.email, 'has just been changed');
		await follow(link, ENGLISH, page);
		await page.getByTestId('reset-password').fill('Otra-vez-otra-4');
		await page.getByTestId('reset-submit').click();
		await page.getByTestId('mailed-failure').waitFor();
		await signIn(page, eva, 'login-error');
		await signIn(page, { ...eva, password }, 'no-workspace');
	});

	it('tell who registers twice how to get in', async () => {
		await newAccount(eva, SPANISH);
		const again = { role: 'patient', firstName: 'Eva', lastName: 'Paz', ...eva };
		await ask(null, null, '/auth/register', again);
		const page = await follow(await linkTo(eva.email, '/app/forgot-password'), SPANISH);
		await page.getByTestId('forgot-email').fill(eva.email);
		await page.getByTestId('forgot-submit').click();
		await linkTo(eva.email, '/app/reset-password');
	});

	it('move the account to another address', async () => {
		await newAccount(eva, SPANISH);
		const { accessToken } = await login(eva);
		const moved = { ...eva, email: somebody('eva-nueva').email };
		const body = { newEmail: moved.email, currentPassword: eva.password };
		await ask(accessToken, null, '/auth/change-email', body);
		const link = await linkTo(moved.email, '/app/confirm-email');
		const page = await follow(link, ENGLISH);
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('mailed-submit').click();
		await worked(page, 'has the new address');
		await letterTo(eva.email, 'ya no sirve para entrar');
		await refused(link, SPANISH, 'mailed-submit');
		await signIn(page, eva, 'login-error');
		await signIn(page, moved, 'no-workspace');
	});
});

describe('letters from a practice', () => {
	it('bring somebody new into the team', async () => {
		const ana = somebody('ana');
		await practice.ask('/staff', { email: ana.email, role: 'staff_receptionist' });
		const link = await linkTo(ana.email, '/app/invitation');
		const page = await follow(link, SPANISH);
		await page.getByTestId('invitation-name').fill('Ana Ruiz');
		await page.getByTestId('invitation-password').fill(ana.password);
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('mailed-accept').click();
		await worked(page, 'el consultorio ya está en su cuenta');
		await refused(link, SPANISH);
		await signIn(page, ana, 'calendar');
	});

	it('bring somebody with an account into it, after signing in', async () => {
		const eva = somebody('eva');
		await newAccount(eva, ENGLISH);
		await practice.ask('/staff', { email: eva.email, role: 'staff_assistant' });
		const page = await follow(await linkTo(eva.email, '/app/invitation'), ENGLISH);
		await page.getByText('There is an account with this address').waitFor();
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('invitation-sign-in').click();
		await submitLogin(page, eva);
		await page.getByText(`You join as ${eva.email}`).waitFor();
		await page.getByTestId('mailed-accept').click();
		await worked(page, 'the practice is in your account now');
		await page.getByRole('link', { name: 'Go to DentiCloud' }).click();
		await page.getByTestId('calendar').waitFor();
	});

	it('can be declined', async () => {
		const ana = somebody('ana');
		await practice.ask('/staff', { email: ana.email, role: 'staff_billing' });
		const link = await linkTo(ana.email, '/app/invitation');
		const page = await follow(link, ENGLISH);
		await page.getByTestId('mailed-reject').click();
		await worked(page, 'was declined');
		await refused(link, ENGLISH);
		const { items } = await practice.ask('/staff/invitations');
		expect(items.find((one: Person) => one.email === ana.email).status).toBe('rejected');
	});

	it('give a patient their visits, who makes an account for it', async () => {
		const eva = somebody('eva');
		const { id } = await practice.ask('/patients', {
			firstName: 'Eva',
			lastName: `Paz ${eva.email.slice(4, 12)}`,
			email: eva.email
		});
		await practice.ask(`/patients/${id}/invitation`, {});
		const page = await follow(await linkTo(eva.email, '/my/link'), ENGLISH);
		const beside = page.context().waitForEvent('page');
		await page.getByRole('link', { name: "Create a patient's account" }).click();
		await registered(eva, ENGLISH, await beside);
		await submitLogin(page, eva);
		await page.getByTestId('mailed-submit').waitFor();
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('mailed-submit').click();
		await worked(page, 'are among yours now');
		const { accessToken } = await login(eva);
		const { items } = await ask(accessToken, null, '/me/dentists');
		expect(items.map((one: { patientId: string }) => one.patientId)).toEqual([id]);
	});

	it('offer freed time to one after the other', async () => {
		const [first, second] = [somebody('primera'), somebody('segunda')];
		const [slot] = await practice.freeStarts(1);
		const visit = await practice.book(slot!);
		const day = slot!.wall.slice(0, 10);
		const waiting = [];
		for (const [place, person] of [first, second].entries()) {
			const patient = await practice.ask('/patients', {
				firstName: 'Rosa',
				lastName: `Espera ${person.email}`.replace(/[^A-Za-z ]/g, ''),
				email: person.email
			});
			const entry = {
				patientId: patient.id,
				treatmentId: practice.treatment.id,
				dentistIds: [practice.dentist.ownerId],
				earliest: day,
				latest: day,
				priority: 100 - place
			};
			await practice.ask('/waitlist', entry);
			waiting.push(patient.id);
		}
		await practice.cancel(visit.id);

		const declined = await follow(await linkTo(first.email, '/my/offers'), SPANISH);
		expect(await violations(declined)).toEqual([]);
		await declined.getByTestId('mailed-decline').click();
		await worked(declined, 'Sigue en la lista de espera');

		const link = await linkTo(second.email, '/my/offers');
		const accepted = await follow(link, ENGLISH);
		await accepted.getByTestId('mailed-accept').click();
		await worked(accepted, 'The visit is yours');
		await refused(link, ENGLISH, 'mailed-accept');
		const query = new URLSearchParams({ from: slot!.start, to: slot!.end, patient: waiting[1]! });
		const { items } = await practice.ask(`/appointments?${query}`);
		expect(items.map(({ status }: { status: string }) => status)).toEqual(['scheduled']);
	});

	it('ask whether another practice may see a record', async () => {
		const other = somebody('colega');
		const started = await ask(null, null, '/auth/register', {
			...other,
			name: 'Dr. Luis Mora',
			practiceName: `Mora ${other.email.slice(7, 15)}`,
			locale: 'en'
		});
		const tenant = started.workspaces[0].tenantId;
		const asOther = (path: string, body?: unknown) => ask(started.accessToken, tenant, path, body);
		const people = [somebody('si'), somebody('no')];
		for (const { email } of people) {
			const lastName = `Consulta ${email}`.replace(/[^A-Za-z ]/g, '');
			await practice.ask('/patients', { firstName: 'Iván', lastName, email });
			await asOther('/patients/link-requests', { email });
		}
		const [yes, no] = people.map(({ email }) => linkTo(email, '/my/link-requests'));

		const page = await follow(await yes!, SPANISH);
		await page.getByText('Iván').waitFor();
		expect(await violations(page)).toEqual([]);
		await page.getByTestId('mailed-accept').click();
		await worked(page, 'El consultorio puede ver su ficha');
		await refused(await yes!, SPANISH);

		await follow(await no!, ENGLISH, page);
		await page.getByTestId('mailed-decline').click();
		await worked(page, /.+/);
		const { items } = await asOther('/patients');
		expect(items.map((one: Person) => one.email)).toEqual([people[0]!.email]);
	});

	it('bring a guest to their visit, who moves it and cancels it', async () => {
		const { subdomain } = inject('login').workspaces[0]!;
		const guest = somebody('invitada');
		await bookAsGuest(subdomain, guest.email);
		const page = await follow(await linkTo(guest.email, `/book/${subdomain}`), SPANISH);
		const when = page.getByTestId('booking-when');
		await when.waitFor();
		const before = await when.innerText();
		await page.getByTestId('booking-move').click();
		const later = page.getByTestId('move-time').last();
		await later.waitFor();
		expect(await violations(page)).toEqual([]);
		const clock = await later.innerText();
		await later.click();
		await page.getByTestId('booking-moved').waitFor();
		expect(await when.innerText()).not.toBe(before);
		expect(await when.innerText()).toContain(clock.replace(/^0/, ''));
		await page.getByTestId('booking-cancel').click();
		await worked(page, 'La cita está cancelada');
		await page.reload();
		await page.getByTestId('mailed-done').waitFor();
	});
});
