// What the page needs to know about a workspace before it can show its calendars.

import type { Assignment, Calendar, PracticeApi, Treatment } from './api';

export interface Practice {
	/** The columns, dentists first. */
	calendars: Calendar[];
	dentists: Calendar[];
	operatories: Calendar[];
	treatments: Treatment[];
	assignments: Assignment[];
}

export async function loadPractice(api: PracticeApi, tenantId: string): Promise<Practice> {
	const [calendars, treatments, assignments] = await Promise.all([
		api.calendars(),
		api.treatments(),
		api.assignments()
	]);
	return { ...columnsOf(calendars, assignments, tenantId), treatments, assignments };
}

/** The practice's dentists, and the operatories that they may use: shared ones of others would only be noise. */
export function columnsOf(calendars: Calendar[], assignments: Assignment[], tenantId: string) {
	const byName = (a: Calendar, b: Calendar) => a.name.localeCompare(b.name);
	const dentists = calendars
		.filter((c) => c.kind === 'dentist' && (c.tenantId === null || c.tenantId === tenantId))
		.sort(byName);
	const own = new Set(dentists.map((dentist) => dentist.ownerId));
	const used = new Set(
		assignments.filter((a) => own.has(a.dentistId)).map((assignment) => assignment.operatoryId)
	);
	const operatories = calendars
		.filter((c) => c.kind === 'operatory' && used.has(c.ownerId))
		.sort(byName);
	return { dentists, operatories, calendars: [...dentists, ...operatories] };
}
