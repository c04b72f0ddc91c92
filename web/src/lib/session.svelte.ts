// Who is signed in, in which workspace, with which tokens. Shared by the windows of one browser through its storage.

import { ApiError, request, type Login, type User, type Workspace } from './api';

const TOKENS = 'denticloud.tokens';
/** Per window, so that one person may watch two practices side by side. */
const WORKSPACE = 'denticloud.workspace';

interface Tokens {
	access: string;
	refresh: string;
	/** Epoch milliseconds by this machine's clock. */
	expiresAt: number;
}

class Session {
	user = $state<User | null>(null);
	workspaces = $state<Workspace[]>([]);
	tenantId = $state<string | null>(null);
	/** The session ended by itself; the login page says so. */
	ended = $state(false);

	#refreshing: Promise<string> | null = null;

	get workspace(): Workspace | null {
		return this.workspaces.find((w) => w.tenantId === this.tenantId) ?? this.workspaces[0] ?? null;
	}

	async login(email: string, password: string): Promise<void> {
		const login = await request<Login>('POST', '/auth/login', { body: { email, password } });
		this.#keep(login);
		this.#enter(login.user, login.workspaces);
	}

	/** Continues the session of an earlier page, if there is one. */
	async restore(): Promise<void> {
		if (!this.#tokens()) return;
		try {
			const me = await this.#me(false);
			this.#enter(me.user, me.workspaces);
		} catch (error) {
			// Without a network the tokens may still be good: leave them for the next try.
			if (error instanceof ApiError && error.code === 'network') throw error;
			this.#forget();
		}
	}

	async logout(): Promise<void> {
		const refreshToken = this.#tokens()?.refresh;
		this.#forget();
		this.ended = false;
		if (!refreshToken) return;
		await request('POST', '/auth/logout', { body: { refreshToken } }).catch(() => {
			// Signed out here in any case; the server's token ends by itself.
		});
	}

	/** The person's access ended: back to the login page. */
	end(): void {
		this.#forget();
		this.ended = true;
	}

	switchTo(tenantId: string): void {
		this.tenantId = tenantId;
		sessionStorage.setItem(WORKSPACE, tenantId);
	}

	/** An access token that lives for another while; `fresh` forces a new one. */
	async token(fresh: boolean): Promise<string> {
		const tokens = this.#tokens();
		if (!tokens) throw new ApiError('unauthorized', 401);
		if (!fresh && tokens.expiresAt > Date.now() + 30_000) return tokens.access;
		this.#refreshing ??= this.#refresh(tokens.access).finally(() => (this.#refreshing = null));
		return this.#refreshing;
	}

	/** Refresh tokens rotate: two windows that use the same one at once would end the session of both. */
	async #refresh(rejected: string): Promise<string> {
		const exchange = async () => {
			const tokens = this.#tokens();
			if (!tokens) throw new ApiError('unauthorized', 401);
			if (tokens.access !== rejected) return tokens.access; // Another window was first.
			try {
				const login = await request<Login>('POST', '/auth/refresh', {
					body: { refreshToken: tokens.refresh }
				});
				this.#keep(login);
				return login.accessToken;
			} catch (error) {
				if (error instanceof ApiError && (error.status === 401 || error.status === 403)) this.end();
				throw error;
			}
		};
		// Locks exist on secure pages only.
		return navigator.locks ? navigator.locks.request('denticloud.refresh', exchange) : exchange();
	}

	async #me(fresh: boolean): Promise<{ user: User; workspaces: Workspace[] }> {
		const headers = { Authorization: `Bearer ${await this.token(fresh)}` };
		try {
			return await request('GET', '/auth/me', { headers });
		} catch (error) {
			if (!fresh && error instanceof ApiError && error.status === 401) return this.#me(true);
			throw error;
		}
	}

	#enter(user: User, workspaces: Workspace[]): void {
		const last = sessionStorage.getItem(WORKSPACE);
		this.workspaces = workspaces;
		this.tenantId =
			(workspaces.find((w) => w.tenantId === last) ?? workspaces[0])?.tenantId ?? null;
		this.user = user;
		this.ended = false;
	}

	#tokens(): Tokens | null {
		const stored = localStorage.getItem(TOKENS);
		return stored ? (JSON.parse(stored) as Tokens) : null;
	}

	#keep(login: Login): void {
		const tokens: Tokens = {
			access: login.accessToken,
			refresh: login.refreshToken,
			expiresAt: Date.now() + login.expiresIn * 1000
		};
		localStorage.setItem(TOKENS, JSON.stringify(tokens));
	}

	#forget(): void {
		localStorage.removeItem(TOKENS);
		this.user = null;
		this.workspaces = [];
		this.tenantId = null;
	}
}

export const session = new Session();
