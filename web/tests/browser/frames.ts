// A socket whose every frame, sent and received, is held against docs/asyncapi.yaml.

import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { SERVER } from './harness';

export type Frame = Record<string, any>;

interface Operation {
	messages: { $ref: string }[];
}
export const document = parse(readFileSync('../docs/asyncapi.yaml', 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ ...document, $id: 'asyncapi' });

/** The message's name in the document by the frame's `type`, for one direction. */
function messages(operation: 'toServer' | 'toClient'): Map<string, string> {
	const named = new Map<string, string>();
	for (const { $ref } of (document.operations[operation] as Operation).messages) {
		const name = $ref.split('/').at(-1)!;
		const { type } = document.components.messages[name].payload.properties;
		for (const kind of type.enum ?? [type.const]) named.set(kind, name);
	}
	return named;
}
export const TO_SERVER = messages('toServer');
export const TO_CLIENT = messages('toClient');

/** Kinds that have occurred, over all sockets. */
export const seen = { toServer: new Set<string>(), toClient: new Set<string>() };

function check(frame: Frame, kinds: Map<string, string>): void {
	const name = kinds.get(frame.type);
	if (!name) throw new Error(`the document has no ${JSON.stringify(frame)}`);
	const validate = ajv.getSchema(`asyncapi#/components/messages/${name}/payload`)!;
	if (!validate(frame)) {
		throw new Error(`${ajv.errorsText(validate.errors)}: ${JSON.stringify(frame)}`);
	}
}

export class DocumentedSocket {
	readonly frames: Frame[] = [];
	#waiting: { wanted: (frame: Frame) => boolean; found: (frame: Frame) => void }[] = [];
	#nextId = 1;
	#wrong: unknown = null;

	private constructor(private readonly socket: WebSocket) {
		socket.on('message', (data) => {
			const frame = JSON.parse(String(data)) as Frame;
			try {
				check(frame, TO_CLIENT);
			} catch (error) {
				this.#wrong ??= error;
			}
			seen.toClient.add(frame.type);
			this.frames.push(frame);
			this.#waiting = this.#waiting.filter(({ wanted, found }) => {
				if (!wanted(frame)) return true;
				found(frame);
				return false;
			});
		});
	}

	static async open(): Promise<DocumentedSocket> {
		const socket = new WebSocket(`${SERVER.replace('http', 'ws')}/ws`, 'denticloud.v1');
		const opened = new DocumentedSocket(socket);
		await new Promise((resolve, reject) => {
			socket.once('open', resolve);
			socket.once('error', reject);
		});
		return opened;
	}

	/** Sends a frame and waits for its answer, whatever that is. */
	ask(type: string, body: Frame = {}): Promise<Frame> {
		const frame = { id: this.#nextId++, type, ...body };
		check(frame, TO_SERVER);
		seen.toServer.add(type);
		const answer = this.next((one) => one.id === frame.id);
		this.socket.send(JSON.stringify(frame));
		return answer;
	}

	/** As `ask`, for what has to be possible. */
	async done(type: string, body: Frame = {}): Promise<Frame> {
		const answer = await this.ask(type, body);
		if (answer.type === 'error') throw new Error(`${type}: ${JSON.stringify(answer)}`);
		return answer;
	}

	/** The next frame of that sort. */
	next(wanted: (frame: Frame) => boolean): Promise<Frame> {
		return new Promise((found) => this.#waiting.push({ wanted, found }));
	}

	/** Fails if anything that came was not as the document says. */
	close(): void {
		this.socket.close(1000);
		if (this.#wrong) throw this.#wrong;
	}
}
