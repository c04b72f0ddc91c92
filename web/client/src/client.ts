// The commands by name, over a `Connection`. Changes get an idempotency key of their own unless the caller brings
// one (to continue a command of an earlier page, for example).

import { Connection } from './connection.js';
import type { CommandResult } from './commands.js';
import type { Appointment, AppointmentStatus, Instant } from './protocol.js';

export interface BookAppointment {
	patientId: string;
	dentistId: string;
	treatmentId: string;
	/** The visit's start. */
	start: Instant;
	/** Absent: any operatory that is free. */
	operatoryId?: string;
	/** Minutes; absent: the treatment's. */
	duration?: number;
	notes?: string;
}

/** `version` is the appointment's version that the person saw: an older one is refused as `stale`. */
export interface ChangeAppointment {
	appointmentId: string;
	version?: number;
}

export type Done = Promise<CommandResult<Appointment>>;

export class DentiCloudClient extends Connection {
	book(appointment: BookAppointment, key = newKey()): Done {
		return this.command('book', { idempotencyKey: key, appointment });
	}

	reschedule(
		change: ChangeAppointment & { start: Instant; dentistId?: string; operatoryId?: string },
		key = newKey()
	): Done {
		return this.command('reschedule', { idempotencyKey: key, ...change });
	}

	/** `duration` in minutes. */
	resize(change: ChangeAppointment & { duration: number }, key = newKey()): Done {
		return this.command('resize', { idempotencyKey: key, ...change });
	}

	cancel(change: ChangeAppointment & { reason: string }, key = newKey()): Done {
		return this.command('cancel', { idempotencyKey: key, ...change });
	}

	setStatus(change: ChangeAppointment & { status: AppointmentStatus }, key = newKey()): Done {
		return this.command('setStatus', { idempotencyKey: key, ...change });
	}
}

/** A random UUID, version 4; `crypto.randomUUID` is missing on pages that came over plain HTTP. */
export function newKey(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	bytes[6] = (bytes[6]! & 0x0f) | 0x40;
	bytes[8] = (bytes[8]! & 0x3f) | 0x80;
	const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
