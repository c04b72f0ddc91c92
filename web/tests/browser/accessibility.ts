// What axe finds wrong with a page.

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/**
 * Event Calendar gives its grid the role of a table and puts the entries, as buttons, beside the rows: not ours to
 * change, and read well enough. Everything else counts.
 */
export async function violations(page: Page): Promise<string[]> {
	const { violations } = await new AxeBuilder({ page })
		.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
		.disableRules(['aria-required-children'])
		.analyze();
	return violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`);
}
