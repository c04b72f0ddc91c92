import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	kit: {
		// One page that the server gives for every path below /app.
		adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html' }),
		paths: { base: '/app', relative: false },
		// The client package's source, so that the app needs no build of it first.
		alias: { '@denticloud/client': 'client/src/index.ts' }
	}
};
