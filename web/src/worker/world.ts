// The service worker's own names, as far as they are used here: the types of pages and of workers cannot be had together.

export interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
export interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
export interface PushEvent extends WorkerEvent {
  readonly data: { text(): string } | null;
}
export interface NotificationEvent extends WorkerEvent {
  readonly notification: Notification;
}
export interface MessageFromPage extends WorkerEvent {
  readonly data: unknown;
}
export interface WindowClient {
  readonly url: string;
  readonly visibilityState: string;
  readonly focused: boolean;
  focus(): Promise<unknown>;
  postMessage(word: unknown): void;
}
export interface Worker {
  addEventListener(kind: string, heard: (event: never) => void): void;
  skipWaiting(): Promise<void>;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(which: { type: "window"; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(path: string): Promise<unknown>;
  };
}
