// docs/asyncapi.yaml against a real server: every kind of frame that it has occurs, and is as it says.

import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { DocumentedSocket, document, seen, TO_CLIENT, TO_SERVER, type Frame } from './frames';
import { STAFF } from './harness';
import { Practice } from './rest';
import { todayIn } from '../../src/lib/zone';

let practice: Practice;
let dentist: DocumentedSocket;
let desk: DocumentedSocket;

const token = () => inject('login').accessToken;

beforeAll(async () => {
	practice = await Practice.own();
	dentist = await DocumentedSocket.open();
	desk = await DocumentedSocket.open();
	await dentist.done('connect', { token: token() });
	await desk.done('connect', { token: inject('deskToken'), tenant: practice.tenantId });
});
afterAll(() => {
	for (const socket of [dentist, desk]) socket.close();
});

const week = (from: string) => {
	const start = Date.parse(from);
	return {
		from: new Date(start).toISOString(),
		to: new Date(start + 7 * 86_400_000).toISOString()
	};
};
const of = (calendar: string, type: string) => (frame: Frame) =>
	frame.type === type && frame.calendar === calendar;

it('has what following, changing and colleagues say', async () => {
	const calendar = practice.dentist.id;
	const slots = await practice.freeStarts(3);
	const range = week(slots[0]!.start);
	const snapshot = await dentist.done('subscribe', { calendar, range });
	await desk.done('subscribe', { calendar, range, tenant: practice.tenantId });

	const colleague = desk.next(of(calendar, 'presence'));
	const span = { start: slots[0]!.start, end: slots[0]!.end };
	await dentist.done('presence', { calendar, state: 'dragging', span });
	expect((await colleague).who.name).not.toBe('');

	const booking = {
		patientId: (await practice.patientFor({ start: slots[0]!.start, end: slots[2]!.end })).id,
		dentistId: practice.dentist.ownerId,
		treatmentId: practice.treatment.id,
		operatoryId: slots[0]!.operatoryId,
		start: slots[0]!.start
	};
	const delta = desk.next(of(calendar, 'delta'));
	const booked = await dentist.done('book', { idempotencyKey: crypto.randomUUID(), ...booking });
	expect((await delta).version).toBe(booked.positions[calendar]);
	const patientId = (await practice.patientFor(slots[0]!)).id;
	const second = { appointment: { ...booking, patientId } };
	expect((await dentist.ask('book', second)).code).toBe('slot_taken');

	const { epoch, version } = snapshot;
	await dentist.done('unsubscribe', { calendar });
	const again = await dentist.done('subscribe', { calendar, range, since: { epoch, version } });
	expect(again.type).toBe('resumed');

	const appointmentId = booked.result.id;
	await dentist.done('editNotes', { appointmentId, notes: 'Trae radiografías' });
	await dentist.done('setStatus', { appointmentId, status: 'confirmed' });
	await dentist.done('reschedule', { appointmentId, start: slots[1]!.start });
	await dentist.ask('resize', { appointmentId, duration: practice.treatment.durationMin });
	await dentist.done('cancel', { appointmentId, reason: 'test', reasonCode: 'other' });

	const query = { treatment: practice.treatment.id, dentist: practice.dentist.ownerId };
	await dentist.done('availability', { ...query, ...range });
	await dentist.done('explain', { ...query, start: slots[2]!.start });
	const { idempotencyKey: _, ...held } = { idempotencyKey: '', ...booking };
	const { result: hold } = await dentist.done('hold', { ...held, start: slots[2]!.start });
	const { id: holdId, holdToken } = hold;
	await dentist.done('renew', { holdId, holdToken });
	await dentist.done('release', { holdId, holdToken });
	const { result: kept } = await dentist.done('hold', { ...held, start: slots[2]!.start });
	const { result: visit } = await dentist.done('confirm', {
		holdId: kept.id,
		holdToken: kept.holdToken,
		patientId: booking.patientId
	});
	await dentist.done('cancel', { appointmentId: visit.id });
	await dentist.done('refresh', { token: token() });
	await desk.next((frame) => frame.type === 'mark');
});

it('has what plans of many visits say', async () => {
	const [slot] = await practice.freeStarts(1);
	const series = {
		patientId: (await practice.patientFor(slot!)).id,
		dentistId: practice.dentist.ownerId,
		treatmentId: practice.treatment.id,
		start: slot!.start,
		rrule: 'FREQ=WEEKLY;COUNT=2',
		policy: 'skip'
	};
	await dentist.done('series.preview', series);
	const { result: booked } = await dentist.done('series.book', series);
	await dentist.done('series.edit', { seriesId: booked.id, scope: 'all', notes: 'juntas' });
	const date = slot!.wall.slice(0, 10);
	const day = { dentistId: series.dentistId, date, action: 'shift', minutes: 0 };
	await dentist.ask('replan.preview', day);
	await dentist.ask('replan', day);
	await dentist.ask('swap', { appointmentIds: [crypto.randomUUID(), crypto.randomUUID()] });
	await dentist.done('series.cancel', { seriesId: booked.id, scope: 'all', reason: 'test' });

	const block = { dentistId: series.dentistId, kind: 'meeting', title: 'Reunión' };
	const { result: blocked } = await dentist.done('block', {
		...block,
		start: slot!.start,
		end: slot!.end,
		allowClashes: true
	});
	await dentist.done('editBlock', { blockId: blocked.id, title: null, allowClashes: true });
	await dentist.done('unblock', { blockId: blocked.id });
});

it('has what visitors are told', async () => {
	const { subdomain } = inject('login').workspaces[0]!;
	const treatment = await practice.onlineTreatment();
	const visitor = await DocumentedSocket.open();
	await visitor.done('connect', { practice: subdomain });
	// This month may be over for the public already.
	const feeds: Frame[] = [];
	for (const month of months(practice.zone)) {
		feeds.push(await visitor.done('subscribeSlots', { practice: subdomain, treatment, month }));
	}
	const feed = feeds.find(({ slots }) => slots.length > 0)!;
	const { start, end, dentistId } = feed.slots[0];
	const of = (type: string) => (frame: Frame) => frame.type === type && frame.feed === feed.feed;
	const has = (slots: Frame[]) =>
		slots.some((slot) => slot.start === start && slot.dentistId === dentistId);

	const taken = visitor.next(of('slotsDelta'));
	const patientId = (await practice.patientFor({ start, end })).id;
	const booking = { dentistId, start, treatmentId: treatment, patientId };
	const { result: visit } = await dentist.done('book', booking);
	expect(has((await taken).removed)).toBe(true);
	const freed = visitor.next(of('slotsDelta'));
	await dentist.done('cancel', { appointmentId: visit.id });
	expect(has((await freed).added)).toBe(true);

	// What a visitor holds stays in the feed, as theirs.
	const own = visitor.next(
		(frame) => of('slotsDelta')(frame) && frame.added.some((slot: Frame) => slot.mine)
	);
	const { result: hold } = await visitor.done('hold', { treatmentId: treatment, dentistId, start });
	expect((await own).added).toContainEqual(
		expect.objectContaining({ start, dentistId, mine: true })
	);
	await visitor.done('release', { holdId: hold.id, holdToken: hold.holdToken });
	for (const { feed } of feeds) await visitor.done('unsubscribeSlots', { feed });
	visitor.close();
});

/** This month and the next. */
function months(zone: string): string[] {
	const [year, month] = todayIn(zone, Date.now()).split('-').map(Number);
	return [0, 1].map((more) =>
		new Date(Date.UTC(year!, month! - 1 + more)).toISOString().slice(0, 7)
	);
}

it('has what those are told whose rights change', async () => {
	const calendar = practice.dentist.id;
	const [slot] = await practice.freeStarts(1);
	const tenant = practice.tenantId;
	await desk.done('subscribe', { calendar, range: week(slot!.start), tenant });
	const reset = desk.next(of(calendar, 'reset'));
	const member = await practice.member(STAFF.email);
	const without = member.permissions.filter((one) => one !== 'canViewPatients');
	expect(without).not.toEqual(member.permissions);
	await practice.permit(member.id, without);
	try {
		await reset;
		const fewer = await desk.done('subscribe', { calendar, range: week(slot!.start), tenant });
		for (const { appointment } of fewer.entries) expect(appointment?.patientName).toBeUndefined();
	} finally {
		await practice.permit(member.id, member.permissions);
	}
});

it('has no frame that never comes', () => {
	const never = [
		...[...TO_SERVER.keys()].filter((type) => !seen.toServer.has(type)),
		...[...TO_CLIENT.keys()].filter((type) => !seen.toClient.has(type))
	];
	expect(never).toEqual([]);
	expect(document.asyncapi).toBe('3.0.0');
});
