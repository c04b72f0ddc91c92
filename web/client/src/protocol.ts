// The frames of `denticloud.v1` as TypeScript sees them. Types only: what to do with a frame is in
// `connection.ts` and `calendar-store.ts`.

/** An instant, RFC 3339 in UTC, for example `2027-03-14T15:00:00Z`. */
export type Instant = string;
export type CalendarId = string;

/** Half-open: `from` belongs to it, `to` does not. */
export interface Range {
	from: Instant;
	to: Instant;
}

/** Time from `start` up to, not including, `end`. */
export interface Span {
	start: Instant;
	end: Instant;
}

/** Where a calendar stands. `epoch` is opaque: compare it, never read it. */
export interface Position {
	epoch: string;
	version: number;
}

export type EntryKind = 'appointment' | 'hold' | 'block' | 'external' | 'busy';

export type AppointmentStatus =
	'scheduled' | 'confirmed' | 'arrived' | 'in_chair' | 'completed' | 'cancelled' | 'no_show';

/** The appointment behind an entry; absent where the reader may only know "busy". */
export interface EntryAppointment {
	id: string;
	version: number;
	/** The visit's own time; the entry may be a part of it, or longer by buffers. */
	start: Instant;
	end: Instant;
	/** Absent for members who may not see patients. */
	patientId?: string;
	patientName?: string;
	treatmentId: string;
	treatmentName: string;
	dentistId: string;
	operatoryId: string;
	status: AppointmentStatus;
}

/** A taken span of one calendar. Always an absolute state: a `put` replaces the whole entry. */
export interface Entry {
	id: string;
	kind: EntryKind;
	start: Instant;
	end: Instant;
	/** Of a hold: that this account holds it, from whatever window. */
	mine?: boolean;
	/** Of a block or an imported time. */
	title?: string;
	blockId?: string;
	blockKind?: 'time_off' | 'meeting' | 'cleaning' | 'other';
	appointment?: EntryAppointment;
}

export type Op = { put: Entry } | { del: string };

export interface SnapshotFrame extends Position {
	type: 'snapshot';
	id?: number;
	calendar: CalendarId;
	entries: Entry[];
}

export interface ResumedFrame extends Position {
	type: 'resumed';
	id?: number;
	calendar: CalendarId;
}

export interface DeltaFrame extends Position {
	type: 'delta';
	calendar: CalendarId;
	/** The version this change starts from; a merged delta may step over several. */
	prev: number;
	/** The command's id, the same in every calendar that it touched. */
	tx?: string;
	at?: Instant;
	ops: Op[];
}

export interface ResetFrame {
	type: 'reset';
	calendar: CalendarId;
	reason: string;
}

export interface MarkFrame {
	type: 'mark';
	positions: Record<CalendarId, number>;
}

export interface ConnectedFrame {
	type: 'connected';
	id?: number;
	session?: string;
	ttlMs?: number;
	pingMs?: number;
	serverTime?: Instant;
}

/** Somebody else of the practice on a followed calendar. */
export interface PresenceFrame {
	type: 'presence';
	calendar: CalendarId;
	/** Which connection: one person may have several. */
	session: string;
	/** The account, or the API key with the name of its practice. */
	who: { id: string; name: string };
	state: PresenceState | 'gone';
	span?: Span;
}

export type PresenceState = 'viewing' | 'dragging' | 'holding';

/** A start that can be booked. Members' searches also tell where. */
export interface Slot {
	start: Instant;
	end: Instant;
	dentistId: string;
	operatoryId?: string;
	/** Other operatories that are free then. */
	alternatives?: string[];
	/** With `order: 'best'`; higher is better. */
	score?: number;
	/** Held by this connection. */
	mine?: boolean;
}

export interface SlotsFrame {
	type: 'slots';
	/** Of the question; absent when the server sends the whole list unasked. */
	id?: number;
	feed: string;
	slots: Slot[];
}

export interface SlotsDeltaFrame {
	type: 'slotsDelta';
	feed: string;
	added: Slot[];
	removed: Slot[];
}

/** Which booking, hold or block stands in the way; only what the asker may know. */
export interface Conflict {
	calendarId?: CalendarId;
	start: Instant;
	end: Instant;
}

export interface OkFrame {
	type: 'ok';
	id: number;
	result?: unknown;
	positions?: Record<CalendarId, number>;
	replay?: boolean;
	ttlMs?: number;
}

export interface ErrorFrame {
	type: 'error';
	id?: number;
	code: string;
	message?: string;
	retryable?: boolean;
	retryAfterMs?: number;
	conflict?: Conflict;
	/** Of a booking that is refused: what the same dentist has free next. */
	alternatives?: Slot[];
	/** Of `validation`: which fields, and why. */
	errors?: { field: string; message: string }[];
}

export type ServerFrame =
	| SnapshotFrame
	| ResumedFrame
	| DeltaFrame
	| ResetFrame
	| MarkFrame
	| ConnectedFrame
	| PresenceFrame
	| SlotsFrame
	| SlotsDeltaFrame
	| OkFrame
	| ErrorFrame;

/** An appointment as commands and REST answer it. */
export interface Appointment {
	id: string;
	version: number;
	status: AppointmentStatus;
	start: Instant;
	end: Instant;
	patientId: string;
	dentistId: string;
	operatoryId: string | null;
	treatmentId: string;
	seriesId?: string | null;
	notes?: string | null;
	confirmedVia?: string | null;
	positions?: Record<CalendarId, number>;
}
