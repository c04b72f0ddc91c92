// The language of the page: the person's choice, else the browser's, else Spanish.

import { en } from './en';
import { es, type Dictionary } from './es';

export type Language = 'es' | 'en';
export const LANGUAGES: { code: Language; name: string }[] = [
	{ code: 'es', name: 'Español' },
	{ code: 'en', name: 'English' }
];

const DICTIONARIES: Record<Language, Dictionary> = { es, en };
const STORED_AS = 'denticloud.language';

export function chooseLanguage(stored: string | null, browser: readonly string[]): Language {
	if (stored === 'es' || stored === 'en') return stored;
	for (const tag of browser) {
		const code = tag.slice(0, 2).toLowerCase();
		if (code === 'es' || code === 'en') return code;
	}
	return 'es';
}

class LanguageChoice {
	current = $state<Language>(
		chooseLanguage(localStorage.getItem(STORED_AS), navigator.languages ?? [])
	);

	get texts(): Dictionary {
		return DICTIONARIES[this.current];
	}

	choose(code: Language): void {
		this.current = code;
		localStorage.setItem(STORED_AS, code);
	}
}

export const language = new LanguageChoice();
