// docs/asyncapi.yaml against a real server: every kind of frame that it has occurs, and is as it says.

import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { DocumentedSocket, document, seen, TO_CLIENT, TO_SERVER, type Frame } from './frames';
import { Practice } from './rest';

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
		patientId: practice.anyPatient().id,
		dentistId: practice.dentist.ownerId,
		treatmentId: practice.treatment.id,
		operatoryId: slots[0]!.operatoryId,
		start: slots[0]!.start
	};
	const delta = desk.next(of(calendar, 'delta'));
	const booked = await dentist.done('book', { idempotencyKey: crypto.randomUUID(), ...booking });
	expect((await delta).version).toBe(booked.positions[calendar]);
	expect((await dentist.ask('book', { appointment: booking })).code).toBe('slot_taken');

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
		patientId: practice.anyPatient().id,
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

it('has no frame that never comes', () => {
	// These are provoked by the server's own tests only.
	const elsewhere = ['subscribeSlots', 'unsubscribeSlots', 'slots', 'slotsDelta', 'reset'];
	const never = [
		...[...TO_SERVER.keys()].filter((type) => !seen.toServer.has(type)),
		...[...TO_CLIENT.keys()].filter((type) => !seen.toClient.has(type))
	];
	expect(never.filter((type) => !elsewhere.includes(type))).toEqual([]);
	expect(document.asyncapi).toBe('3.0.0');
});
