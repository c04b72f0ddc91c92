import { describe, expect, it } from 'vitest';
import { isWorthless, secretOf } from './mailed';

describe('the secret of a link', () => {
	it('is what stands behind its name, and nothing without', () => {
		expect(secretOf('#token=a-b_c')).toBe('a-b_c');
		expect(secretOf('#manage=x&token=y', 'manage')).toBe('x');
		expect(secretOf('')).toBe('');
		expect(secretOf('#token')).toBe('');
	});
	it('that counts no more is told from a server that is away', () => {
		expect(isWorthless('validation')).toBe(true);
		expect(isWorthless('hold_expired')).toBe(true);
		expect(isWorthless('network')).toBe(false);
		expect(isWorthless('rate_limited')).toBe(false);
	});
});
