// Texts with values in them, and refusals in plain words. Pure.

import type { Dictionary } from './es';

/** Replaces each `{name}` by its value. */
export function fill(text: string, values: Record<string, string>): string {
	return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

export interface Refusal {
	code: string;
	/** What stands in the way, in the practice's clock; `name` where the asker may know it. */
	conflict?: { from: string; to: string; name: string | null } | null;
}

export function refusalText(texts: Dictionary, { code, conflict }: Refusal): string {
	const known = (texts.refusal as Record<string, string>)[code];
	const sentence = known ?? fill(texts.refusalUnknown, { code });
	if (!conflict) return sentence;
	const { from, to, name } = conflict;
	const detail = name
		? fill(texts.refusalConflict, { from, to, name })
		: fill(texts.refusalConflictUnnamed, { from, to });
	return `${sentence} ${detail}`;
}
