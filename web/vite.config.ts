import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

// For `npm run dev`: the API and the socket of a server that runs beside it.
const server = process.env.DENTICLOUD_URL ?? 'http://localhost:3000';
const apiRoutes = [
	'/auth',
	'/appointments',
	'/assignments',
	'/calendars',
	'/clinics',
	'/operatories',
	'/patients',
	'/providers',
	'/tenant',
	'/treatments'
];

export default defineConfig({
	plugins: [sveltekit()],
	server: {
		proxy: {
			...Object.fromEntries(apiRoutes.map((route) => [route, server])),
			'/ws': { target: server, ws: true }
		}
	},
	test: {
		include: ['client/test/**/*.test.ts', 'src/**/*.test.ts']
	}
});
