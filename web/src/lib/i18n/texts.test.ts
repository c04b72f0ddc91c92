import { describe, expect, it } from 'vitest';
import { en } from './en';
import { es } from './es';
import { fill, refusalText } from './texts';

function leaves(value: unknown, path = ''): [string, string][] {
	if (typeof value === 'string') return [[path, value]];
	return Object.entries(value as object).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}

describe('both languages', () => {
	const spanish = new Map(leaves(es));
	const english = new Map(leaves(en));

	it('have every text, and none is empty', () => {
		expect([...english.keys()].sort()).toEqual([...spanish.keys()].sort());
		for (const [path, text] of [...spanish, ...english]) expect(text.trim(), path).not.toBe('');
	});

	it('take the same values', () => {
		const values = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
		for (const [path, text] of spanish)
			expect(values(english.get(path)!), path).toEqual(values(text));
	});

	it('have words for every refusal of the API', () => {
		const codes =
			'slot_taken patient_busy wrong_status stale outside_hours too_soon beyond_horizon daily_cap ' +
			'no_assignment off_grid in_the_past not_offered not_your_patient hold_expired hold_limit ' +
			'idempotency_mismatch forbidden suspended busy outcome_unknown';
		for (const code of codes.split(' ')) {
			expect(refusalText(es, { code })).not.toContain(`(${code})`);
			expect(refusalText(en, { code })).not.toContain(`(${code})`);
		}
	});
});

it('fills in values and leaves unknown names alone', () => {
	expect(fill('{a} and {b}', { a: '1' })).toBe('1 and {b}');
});

it('says what stands in the way, by name only where it is known', () => {
	const span = { from: '10:00', to: '10:30' };
	expect(refusalText(en, { code: 'slot_taken', conflict: { ...span, name: 'Operatory 1' } })).toBe(
		'That time is already taken. Taken from 10:00 to 10:30: Operatory 1.'
	);
	expect(refusalText(en, { code: 'slot_taken', conflict: { ...span, name: null } })).toBe(
		'That time is already taken. Taken from 10:00 to 10:30.'
	);
	expect(refusalText(en, { code: 'brand_new' })).toContain('brand_new');
});
