// What the scenarios ask the server beside the page: who and when is free, so that they can run again and again.

import type { Appointment, Entry } from '@denticloud/client';
import { inject } from 'vitest';
import { toWall } from '../../src/lib/zone';
import { SERVER } from './harness';

interface Named {
	id: string;
}
interface DemoPatient extends Named {
	firstName: string;
	lastName: string;
}
interface DemoTreatment extends Named {
	durationMin: number;
}
interface DemoCalendar extends Named {
	kind: string;
	ownerId: string;
	tenantId: string | null;
}

export interface Slot {
	start: string;
	end: string;
	/** `YYYY-MM-DDTHH:MM` in the practice's zone. */
	wall: string;
	operatoryId: string;
}

export class Practice {
	private constructor(
		private readonly token: string,
		readonly tenantId: string,
		readonly zone: string,
		readonly dentist: DemoCalendar,
		readonly patients: DemoPatient[],
		readonly treatment: DemoTreatment,
		private readonly calendars: DemoCalendar[]
	) {}

	/** The signed-in dentist's. */
	static async own(): Promise<Practice> {
		const login = inject('login');
		const { tenantId, zone } = login.workspaces[0]!;
		const get = (path: string) => ask(login.accessToken, tenantId, path);
		const calendars: DemoCalendar[] = (await get('/calendars?limit=200')).items;
		const treatments: DemoTreatment[] = (await get('/treatments?limit=200')).items;
		const patients = await newPatients(login.accessToken, tenantId);
		const dentist = calendars.find((c) => c.kind === 'dentist' && c.tenantId === tenantId)!;
		// The shortest leaves most room; whichever the dentist can be booked for.
		treatments.sort((a, b) => a.durationMin - b.durationMin);
		for (const treatment of treatments) {
			const practice = new Practice(
				login.accessToken,
				tenantId,
				zone,
				dentist,
				patients,
				treatment,
				calendars
			);
			if ((await practice.slots(3)).length > 0) return practice;
		}
		throw new Error('nothing can be booked in three weeks: is the demo data loaded?');
	}

	calendarOf(operatoryId: string): string {
		return this.calendars.find((c) => c.ownerId === operatoryId)!.id;
	}

	/** Somebody who is free at that time. */
	async patientFor({ start, end }: Pick<Slot, 'start' | 'end'>): Promise<DemoPatient> {
		const range = new URLSearchParams({ from: start, to: end, limit: '200' });
		const { items } = await this.ask(`/appointments?${range}`);
		const busy = new Set(items.map((one: Appointment) => one.patientId));
		const free = this.patients.filter(({ id }) => !busy.has(id));
		return free[Math.floor(Math.random() * free.length)]!;
	}

	/** As the dentist. */
	ask(path: string, body?: unknown, method?: string): Promise<any> {
		return ask(this.token, this.tenantId, path, body, method);
	}

	appointment(id: string): Promise<Appointment> {
		return this.ask(`/appointments/${id}`);
	}

	/**
	 * Free starts of one day far ahead, on whole quarters of an hour and at least `apart` visits from each other, so
	 * that a drag from one lands on the other.
	 */
	async freeStarts(count: number): Promise<Slot[]> {
		for (let attempt = 0; attempt < 100; attempt++) {
			const slots = await this.slots(2 + Math.floor(Math.random() * 8));
			const day = slots[Math.floor(Math.random() * slots.length)]?.wall.slice(0, 10);
			const chosen: Slot[] = [];
			for (const slot of slots) {
				if (slot.wall.slice(0, 10) !== day || Number(slot.wall.slice(14)) % 15 !== 0) continue;
				const last = chosen.at(-1);
				// A visit's length between them: none of the choices touches another.
				const length = Date.parse(slot.end) - Date.parse(slot.start);
				if (last && Date.parse(slot.start) < Date.parse(last.end) + length) continue;
				// Near each other: a drag from one to the other stays in view.
				if (last && Date.parse(slot.start) > Date.parse(last.end) + 2 * length) continue;
				if (last && slot.operatoryId !== last.operatoryId) continue;
				chosen.push(slot);
				if (chosen.length === count) return chosen;
			}
		}
		throw new Error(`no day with ${count} free starts`);
	}

	/** A free start within the next days. */
	async soon(): Promise<Slot> {
		const [slot] = await this.slots(0);
		if (!slot) throw new Error('nothing is free this week');
		return slot;
	}

	async book(slot: Slot): Promise<Appointment> {
		return this.ask('/appointments', {
			patientId: (await this.patientFor(slot)).id,
			dentistId: this.dentist.ownerId,
			operatoryId: slot.operatoryId,
			treatmentId: this.treatment.id,
			start: slot.start
		});
	}

	cancel(id: string): Promise<Appointment> {
		return this.ask(`/appointments/${id}/cancel`, { reason: 'test' });
	}

	/** A visit's time on the dentist's calendar: the part of it in which the dentist is needed. */
	async entryOf(appointmentId: string): Promise<Entry> {
		const { start, end } = await this.appointment(appointmentId);
		const range = new URLSearchParams({ from: start, to: end });
		const { entries } = await this.ask(`/calendars/${this.dentist.id}?${range}`);
		return entries.find((one: Entry) => one.appointment?.id === appointmentId);
	}

	/** A treatment that the public may book. */
	async onlineTreatment(): Promise<string> {
		const { items } = await this.ask('/treatments?limit=200');
		return items.find((one: { onlineBookable: boolean }) => one.onlineBookable).id;
	}

	/** Somebody who works here, with what they may do. */
	async member(email: string): Promise<{ id: string; permissions: string[] }> {
		const { items } = await this.ask('/staff?limit=200');
		return items.find((one: { email: string }) => one.email === email);
	}

	permit(memberId: string, permissions: string[]): Promise<unknown> {
		return this.ask(`/staff/${memberId}`, { permissions }, 'PATCH');
	}

	private async slots(weeksAhead: number): Promise<Slot[]> {
		const day = 86_400_000;
		const from = new Date((Math.floor(Date.now() / day) + weeksAhead * 7) * day);
		const to = new Date(from.getTime() + 7 * day);
		const query = new URLSearchParams({
			treatment: this.treatment.id,
			dentist: this.dentist.ownerId,
			from: from.toISOString(),
			to: to.toISOString(),
			limit: '200'
		});
		const { slots } = await this.ask(`/availability?${query}`);
		return slots.map((slot: Slot) => ({ ...slot, wall: toWall(slot.start, this.zone) }));
	}
}

/** People of these scenarios' own: the demo's may be at another practice at any time, which nobody here can see. */
function newPatients(token: string, tenantId: string): Promise<DemoPatient[]> {
	const letters = () =>
		Array.from({ length: 10 }, () => String.fromCharCode(97 + Math.random() * 26)).join('');
	const people = ['Ana', 'Luis', 'Rosa', 'Iván'].map((firstName) => ({
		firstName,
		lastName: `Prueba ${letters()}`
	}));
	return Promise.all(people.map((person) => ask(token, tenantId, '/patients', person)));
}

/** A booking of the public page, without an account. */
export async function bookAsGuest(subdomain: string, email: string): Promise<void> {
	const here = `/public/${subdomain}`;
	const { treatments } = await ask(null, null, here);
	const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
	const range = `from=${day(20)}T00:00:00Z&to=${day(27)}T00:00:00Z`;
	const query = `treatment=${treatments[0].id}&${range}`;
	const { slots } = await ask(null, null, `${here}/availability?${query}&limit=1`);
	const { dentistId, start } = slots[0];
	const wanted = { treatmentId: treatments[0].id, dentistId, start };
	const { id, holdToken } = await ask(null, null, `${here}/holds`, wanted);
	const patient = { firstName: 'Ana', lastName: 'Paz', email };
	await ask(null, null, `${here}/holds/${id}/confirm`, { patient, holdToken });
}

/** The answer of a request that has to work; `undefined` without a body. */
export async function ask(
	token: string | null,
	tenantId: string | null,
	path: string,
	body?: unknown,
	method = 'POST'
): Promise<any> {
	const answer = await fetch(SERVER + path, {
		headers: {
			...(token ? { Authorization: `Bearer ${token}` } : {}),
			...(tenantId ? { 'X-Tenant-Id': tenantId } : {}),
			'Content-Type': 'application/json'
		},
		...(body ? { method, body: JSON.stringify(body) } : {})
	});
	const text = await answer.text();
	if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
	return text ? JSON.parse(text) : undefined;
}
