import { defineConfig } from 'vitest/config';

// Against a running server (DENTICLOUD_URL) with the demo data and a built page.
export default defineConfig({
	test: {
		include: ['tests/browser/**/*.test.ts'],
		globalSetup: ['tests/browser/sign-in-once.ts'],
		// The scenarios share the demo people; one file at a time keeps their calendars readable.
		fileParallelism: false,
		testTimeout: 60_000,
		hookTimeout: 60_000
	}
});
