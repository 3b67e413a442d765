// The types of halley.js, for TypeScript.

export as namespace halley;

/**
 * Opens a stream of messages of type T, and calls callback with each message without a name.
 * id is the position of the message. callback can be null if all messages have names.
 */
export function connect<T = unknown>(url: string | URL, callback: ((message: T, id: string) => void) | null, options?: Options<T>): Stream;

export type Transport = "events" | "ndjson" | "poll" | "websocket" | "iframe";

export type State = "connecting" | "open" | "waiting" | "paused" | "closed" | "ended" | "failed";

export interface Options<T = unknown> {
  transport?: Transport | "auto";
  lastEventId?: string;

  headers?: HeadersInit | (() => HeadersInit | undefined | Promise<HeadersInit | undefined>);
  credentials?: RequestCredentials;
  method?: string;
  body?: BodyInit | null;
  signal?: AbortSignal;

  /** The longest silence in ms, 0 without a limit. */
  heartbeat?: number;
  minDelay?: number;
  maxDelay?: number;
  maxAttempts?: number;
  parse?: (text: string) => T;

  /** The key of the position in the session storage. */
  store?: string;
  /** The name of the stream that the tabs of the origin share. */
  share?: string;
}

export interface Stream extends EventTarget {
  readonly state: State;
  readonly lastEventId: string;
  readonly transport: Transport;
  close(): void;
  pause(): void;
  resume(): void;

  addEventListener<K extends keyof Events>(type: K, listener: (event: Events[K]) => void, options?: boolean | AddEventListenerOptions): void;
  /** Listens to the messages with the name type. */
  addEventListener<N>(type: string, listener: (event: MessageEvent<N>) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

export interface Events {
  state: MessageEvent<State>;
  gap: MessageEvent<Gap>;
  reset: MessageEvent<Source | null>;
  /** The stream has failed if there is a status. Otherwise it is a message named error. */
  error: MessageEvent & { readonly status?: number };
}

/** Tells which source of several a notice is about. */
export interface Source {
  source?: string;
}

/** count messages are missing. from is the position of the first of them. */
export interface Gap extends Source {
  from: string;
  count: number;
}
