import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	kit: {
		// One page that the server gives for every path below /app.
		adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html' }),
		// The page holds tokens and patients' names: no script that is not its own may run, nothing may leave elsewhere.
		csp: {
			mode: 'hash',
			directives: {
				'default-src': ['self'],
				'script-src': ['self'],
				// Event Calendar places its entries with style attributes.
				'style-src': ['self', 'unsafe-inline'],
				'img-src': ['self', 'data:'],
				'connect-src': ['self'],
				'object-src': ['none'],
				'base-uri': ['self']
			}
		},
		paths: { base: '/app', relative: false },
		// The client package's source, so that the app needs no build of it first.
		alias: { '@denticloud/client': 'client/src/index.ts' }
	}
};
