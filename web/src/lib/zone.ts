// Instants and wall clocks of an IANA zone. Pure; the browser's own zone never takes part.
//
// A wall clock is the text `YYYY-MM-DDTHH:MM` that a clock on the practice's wall would show. As the engine does:
// a wall clock inside a DST gap moves forward by the gap, one that occurs twice is the first.

export type WallTime = string;
/** `YYYY-MM-DD` */
export type WallDate = string;

const MINUTE = 60_000;
const DAY = 86_400_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
	let known = formatters.get(zone);
	if (!known) {
		known = new Intl.DateTimeFormat('en-US', {
			timeZone: zone,
			calendar: 'gregory',
			numberingSystem: 'latn',
			hourCycle: 'h23',
			year: 'numeric',
			month: 'numeric',
			day: 'numeric',
			hour: 'numeric',
			minute: 'numeric',
			second: 'numeric'
		});
		formatters.set(zone, known);
	}
	return known;
}

/** The zone's distance from UTC at an instant (epoch milliseconds), in milliseconds; east is positive. */
export function offsetAt(instantMs: number, zone: string): number {
	const part: Record<string, number> = {};
	for (const { type, value } of formatter(zone).formatToParts(instantMs))
		part[type] = Number(value);
	const wall = Date.UTC(
		part.year!,
		part.month! - 1,
		part.day!,
		part.hour!,
		part.minute!,
		part.second!
	);
	return wall - Math.floor(instantMs / 1000) * 1000;
}

export function toWall(instant: string | number, zone: string): WallTime {
	const ms = typeof instant === 'number' ? instant : Date.parse(instant);
	return new Date(ms + offsetAt(ms, zone)).toISOString().slice(0, 16);
}

/** The instant, `YYYY-MM-DDTHH:MM:SSZ`, at which the zone's clocks show `wall`. */
export function toInstant(wall: WallTime, zone: string): string {
	const naive = parseWall(wall);
	// The offsets on both sides of any transition near by. No zone changes twice within two days.
	const before = offsetAt(naive - DAY, zone);
	const after = offsetAt(naive + DAY, zone);
	// The larger offset gives the earlier instant: tried first, a fold is the first of its two.
	const candidates = [before, after].map((offset) => naive - offset).sort((a, b) => a - b);
	const match = candidates.find((ms) => ms + offsetAt(ms, zone) === naive);
	// No instant shows it: a gap. Read with the offset before the gap it lands as far behind it as it was inside.
	return formatInstant(match ?? naive - before);
}

/** The same wall clock `minutes` later, as the hands move: no zone involved. */
export function addWallMinutes(wall: WallTime, minutes: number): WallTime {
	return new Date(parseWall(wall) + minutes * MINUTE).toISOString().slice(0, 16);
}

/** Minutes that the hands move from one wall clock to the other. */
export function wallMinutesBetween(from: WallTime, to: WallTime): number {
	return (parseWall(to) - parseWall(from)) / MINUTE;
}

export function addDays(date: WallDate, days: number): WallDate {
	return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

/** 1 is Monday, 7 is Sunday. */
export function weekdayOf(date: WallDate): number {
	return new Date(`${date}T00:00:00Z`).getUTCDay() || 7;
}

export function mondayOf(date: WallDate): WallDate {
	return addDays(date, 1 - weekdayOf(date));
}

export function todayIn(zone: string, nowMs: number): WallDate {
	return toWall(nowMs, zone).slice(0, 10);
}

/** The zone's offset as `±HH:MM`. */
export function offsetText(instantMs: number, zone: string): string {
	const minutes = Math.round(offsetAt(instantMs, zone) / MINUTE);
	const pad = (n: number) => String(n).padStart(2, '0');
	const size = Math.abs(minutes);
	return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

function parseWall(wall: WallTime): number {
	return Date.parse(`${wall.slice(0, 16)}:00Z`);
}

function formatInstant(ms: number): string {
	return new Date(ms).toISOString().replace('.000Z', 'Z');
}
