// What commands say and what they answer: the bodies of REST, so that a client that has one has the other.

import type {
	Appointment,
	AppointmentStatus,
	CalendarId,
	Conflict,
	Instant,
	Slot
} from './protocol.js';

/** Codes of rules that staff break on purpose, such as `outside_hours`; overlap never is. */
export type Overrides = { override?: string[] };

export type CancelCode =
	| 'patient_request'
	| 'patient_ill'
	| 'provider_ill'
	| 'practice'
	| 'no_answer'
	| 'duplicate'
	| 'other';

export interface BookAppointment extends Overrides {
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

export interface NewTime extends ChangeAppointment, Overrides {
	start: Instant;
	dentistId?: string;
	operatoryId?: string;
}

export interface NewLength extends ChangeAppointment, Overrides {
	/** Minutes. */
	duration: number;
}

export interface Cancellation extends ChangeAppointment {
	reason?: string;
	reasonCode?: CancelCode;
}

export interface NewStatus extends ChangeAppointment, Overrides {
	status: AppointmentStatus;
}

export interface NewNotes extends ChangeAppointment {
	notes: string | null;
}

export interface Swap extends Overrides {
	appointmentIds: [string, string];
	/** The versions that the person saw, in the same order. */
	versions?: [number, number];
}

export interface Appointments {
	appointments: Appointment[];
	positions: Record<CalendarId, number>;
}

export interface NewHold extends Overrides {
	treatmentId: string;
	dentistId: string;
	start: Instant;
	operatoryId?: string;
	/** Members only: the patient's time is kept too. */
	patientId?: string;
	duration?: number;
}

/** Time that is kept for whoever has its token. */
export interface Hold {
	id: string;
	/** Only in the answer to whoever made it. */
	holdToken?: string;
	expiresAt: Instant;
	renewableUntil: Instant;
	start: Instant;
	end: Instant;
	dentistId: string;
	operatoryId: string;
	treatmentId: string;
	patientId?: string;
}

export interface OnHold {
	holdId: string;
	/** Members need none for what they hold themselves. */
	holdToken?: string;
}

/** Somebody who books from outside. */
export interface PublicPatient {
	firstName: string;
	lastName: string;
	email?: string;
	phone?: string;
	/** `1990-12-31` */
	dateOfBirth?: string;
}

export interface Confirmation extends OnHold {
	/** Members; not needed where the hold names the patient. */
	patientId?: string;
	/** Public connections. */
	patient?: PublicPatient;
	notes?: string;
}

export interface SlotSearch {
	treatment: string;
	from: Instant;
	to: Instant;
	/** Absent: any. */
	dentist?: string;
	operatory?: string;
	clinic?: string;
	/** Minutes. */
	duration?: number;
	limit?: number;
	order?: 'earliest' | 'best';
}

export interface Slots {
	slots: Slot[];
}

export interface Explanation {
	treatment: string;
	start: Instant;
	dentist: string;
	operatory?: string;
	/** Rules that the booking would override: `outside_hours`, … */
	override?: string[];
}

/** A rule or a claim in the way. */
export interface Reason {
	code: string;
	calendarId?: CalendarId;
	start?: Instant;
	end?: Instant;
	detail: string;
	/** A booking with the same `override` is not refused for it. */
	overridden?: boolean;
}

export interface Reasons {
	reasons: Reason[];
	/** Nothing is in the way but what is overridden. */
	bookable: boolean;
}

/** Which occurrences of a series or a recurring block a change is about. */
export interface Occurrences {
	/** Absent: `this` where an occurrence is named, else `all`. */
	scope?: 'this' | 'following' | 'all';
	/** An appointment's or entry's id, or a start. */
	occurrence?: string;
	version?: number;
}

export type BlockKind = 'time_off' | 'meeting' | 'cleaning' | 'other';

export interface NewBlock extends Overrides {
	/** One of these three. */
	calendarId?: CalendarId;
	dentistId?: string;
	operatoryId?: string;
	kind: BlockKind;
	title?: string;
	start: Instant;
	end: Instant;
	/** RFC 5545, in the practice's zone. */
	rrule?: string;
	rdates?: Instant[];
	exdates?: Instant[];
	/** Also over appointments and holds, which stay; the answer lists them. */
	allowClashes?: boolean;
}

export interface BlockEdit extends Occurrences, Overrides {
	blockId: string;
	kind?: BlockKind;
	title?: string | null;
	start?: Instant;
	end?: Instant;
	allowClashes?: boolean;
}

export interface Block {
	id: string;
	version: number;
	calendarId: CalendarId;
	kind: BlockKind;
	rrule?: string;
	occurrences: {
		id: string;
		start: Instant;
		end: Instant;
		occurrence: string;
		title?: string;
		detached: boolean;
	}[];
	clashes?: { calendarId: CalendarId; start: Instant; end: Instant; appointmentId?: string }[];
}

export type SeriesPolicy = 'all_or_nothing' | 'skip' | 'nearest';

export interface NewSeries extends Overrides {
	patientId: string;
	dentistId: string;
	treatmentId: string;
	/** The first visit. */
	start: Instant;
	/** RFC 5545, in the practice's zone: `FREQ=WEEKLY;COUNT=6`. */
	rrule?: string;
	rdates?: Instant[];
	exdates?: Instant[];
	operatoryId?: string;
	duration?: number;
	notes?: string;
	policy?: SeriesPolicy;
	/** Of `nearest`: minutes to either side. */
	windowMinutes?: number;
}

export interface SeriesEdit extends Occurrences, Overrides {
	seriesId: string;
	start?: Instant;
	dentistId?: string;
	operatoryId?: string;
	duration?: number;
	notes?: string | null;
}

export interface SeriesCancellation extends Occurrences {
	seriesId: string;
	reason?: string;
	reasonCode?: CancelCode;
}

export interface Place {
	start: Instant;
	end: Instant;
	dentistId: string;
	operatoryId: string;
}

/** Why something cannot be, and what is in the way. */
export interface Refused {
	code?: string;
	detail?: string;
	conflict?: Conflict;
}

export interface SeriesOccurrence extends Refused {
	/** The local start that the rule gives it. */
	occurrence: string;
	start: Instant;
	verdict: 'ok' | 'alternative' | 'refused';
	appointmentId?: string;
	slot?: Place;
}

export interface Series {
	/** Absent in a preview. */
	id?: string;
	version: number;
	zone: string;
	policy: SeriesPolicy;
	occurrences?: SeriesOccurrence[];
	appointments?: Appointment[];
}

export interface SeriesEdited {
	id: string;
	version: number;
	changed: Appointment[];
	/** Left as they are: moved or cancelled on their own, begun, or past. */
	kept: string[];
}

export interface ReplanStep {
	appointmentId: string;
	version?: number;
	start?: Instant;
	dentistId?: string;
	operatoryId?: string;
	cancel?: boolean;
}

/** A dentist's day with an action, or a plan as a preview has answered it. */
export interface Replan extends Overrides {
	dentistId?: string;
	/** `2027-03-14`, in the practice's zone; or `from` and `to`. */
	date?: string;
	from?: Instant;
	to?: Instant;
	appointmentIds?: string[];
	action?: 'shift' | 'move' | 'reassign' | 'cancel';
	/** Of `shift`. */
	minutes?: number;
	/** Of `move`. */
	dates?: string[];
	windows?: { from: Instant; to: Instant }[];
	/** Of `reassign`. */
	toDentistId?: string;
	reason?: string;
	reasonCode?: CancelCode;
	plan?: ReplanStep[];
	policy?: 'all_or_nothing' | 'skip';
}

export interface Replanned {
	items: (Refused & {
		appointmentId: string;
		patientId?: string;
		verdict: 'moved' | 'cancelled' | 'refused';
		version: number;
		from: Place;
		to?: Place;
	})[];
	/** In a preview: what to send as `plan` to have exactly this. */
	plan?: ReplanStep[];
}
