// The types of table.js, for TypeScript.

import type { Options as StreamOptions, Stream } from "./halley";

/** Keeps the rows of the table at url, whose values have the type V. */
export function table<V = unknown>(url: string | URL, options?: Options): Table<V>;

/** The options of a stream. The rows are not in a store, so their position is not in one either. */
export type Options = Omit<StreamOptions<never>, "store" | "lastEventId" | "parse" | "method" | "body">;

export interface Table<V = unknown> extends EventTarget {
  /** The rows by their keys. They must not be changed. */
  readonly rows: ReadonlyMap<string, V>;
  /** Whether the rows have been complete once. */
  readonly ready: boolean;
  readonly stream: Stream;

  /**
   * Returns the position of the last change of a row, or "" if the table has no such row. A change by put or remove
   * counts as soon as the server has answered it, even if the stream has not delivered it yet.
   */
  position(key: string): string;

  /**
   * Puts a row. If last is the position of a row, it is put only if it is still there. If last is "", it is put only
   * if there is no such row. Otherwise the status is 412.
   */
  put(key: string, value: V, last?: string): Promise<Response>;
  /** Removes a row. last is that of put. */
  remove(key: string, last?: string): Promise<Response>;
  close(): void;

  addEventListener<K extends keyof Events<V>>(type: K, listener: (event: Events<V>[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

export interface Events<V = unknown> {
  change: Change<V>;
  /** The rows are complete: at first, and whenever the table is connected again. */
  ready: Event;
}

/** A row has changed. value is undefined if it was removed, and old if it is new. */
export interface Change<V = unknown> extends Event {
  readonly key: string;
  readonly value: V | undefined;
  readonly old: V | undefined;
}
