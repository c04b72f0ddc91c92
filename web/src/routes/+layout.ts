// A single page in the browser: the data is live and behind a login, there is nothing to render ahead.
export const ssr = false;
export const prerender = false;
