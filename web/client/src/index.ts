// `@denticloud/client`: follow and change DentiCloud calendars in real time.

export { DentiCloudClient } from './client.js';
export { newKey } from './keys.js';
export type { Done } from './client.js';
export type * from './bodies.js';
export { Connection } from './connection.js';
export type {
	ConnectionOptions,
	ConnectionState,
	SocketConstructor,
	SocketLike
} from './connection-options.js';
export { CalendarStore } from './calendar-store.js';
export type { Applied, StoreStatus } from './calendar-store.js';
export type { CommandResult } from './commands.js';
export type { Presence } from './presence.js';
export { SlotStore } from './slot-store.js';
export type { SlotQuery } from './slot-store.js';
export { CommandError } from './errors.js';
export { afterClose, backoffMs, delayAfter } from './close-codes.js';
export type { AfterClose, BackoffLimits } from './close-codes.js';
export type * from './protocol.js';
