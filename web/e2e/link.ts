// A bad link between browser and server: narrow, far, and with losses. It carries TCP, so a lost packet is a stall of its
// connection, as it is under TCP: what was sent behind it waits until it was sent again.

import type { AddressInfo, Socket } from "node:net";
import { connect, createServer, type Server as Listener } from "node:net";

export interface Shape {
  bitsPerSecond: number;
  roundTripMs: number;
  /** Of 1, the share of the packets that are lost. */
  loss: number;
  /** After how long a lost packet is sent again; twice as long each further time. */
  retryMs: number;
}

const PACKET = 1_400;
/** What one connection has under way at most; then its sender waits, as at a full window. */
const UNDER_WAY_MAX = 64 * 1024;
/** Of a packet or the beginning of a connection: it comes through after so many losses in a row at the latest. */
const LOSSES_MAX = 5;

/** One direction of the link, which all its connections share. */
class Way {
  bytes = 0;
  private freeAt = 0;

  /** When a packet that is sent now, or at `from`, arrives. */
  arrival(size: number, from: number, shape: Shape, random: () => number): number {
    const time = (size * 8_000) / shape.bitsPerSecond;
    this.freeAt = Math.max(this.freeAt, from) + time;
    let late = 0;
    for (let lost = 0; lost < LOSSES_MAX && random() < shape.loss; lost++) {
      late += shape.retryMs * 2 ** lost;
      this.freeAt += time;
    }
    return this.freeAt + shape.roundTripMs / 2 + late;
  }
}

/** One direction of one connection: what goes in comes out in order. */
class Pipe {
  private readonly queue: { at: number; bytes: Buffer | "end" }[] = [];
  private underWay = 0;
  private last = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, way: Way, link: Link, ready: number) {
    const put = (bytes: Buffer | "end", size: number) => {
      const now = performance.now();
      const shape = link.shape;
      const at = shape === undefined ? now : way.arrival(size, Math.max(now, ready), shape, link.random);
      this.last = Math.max(this.last, at);
      this.queue.push({ at: this.last, bytes });
    };
    const move = () => {
      this.timer = undefined;
      for (let head = this.queue[0]; head !== undefined; head = this.queue[0]) {
        const wait = head.at - performance.now();
        if (wait > 0) {
          this.timer = setTimeout(move, wait);
          return;
        }
        this.queue.shift();
        if (to.destroyed) continue;
        if (head.bytes === "end") to.end();
        else {
          this.underWay -= head.bytes.length;
          way.bytes += head.bytes.length;
          to.write(head.bytes);
        }
      }
      if (this.underWay < UNDER_WAY_MAX) from.resume();
    };
    from.on("data", (data: Buffer) => {
      if (link.isDeaf && way === link.down) return;
      for (let at = 0; at < data.length; at += PACKET) {
        const packet = data.subarray(at, at + PACKET);
        put(packet, packet.length);
      }
      this.underWay += data.length;
      if (this.underWay >= UNDER_WAY_MAX) from.pause();
      if (this.timer === undefined) move();
    });
    from.on("end", () => {
      put("end", 40);
      if (this.timer === undefined) move();
    });
    from.on("error", () => to.destroy());
    from.on("close", (isFault) => isFault && to.destroy());
  }
}

export class Link {
  /** How the link is from now on; `undefined`: as if it were none. */
  shape: Shape | undefined;
  /** Nothing of what the server says comes through any more. A connection on which something was lost so must be cut. */
  isDeaf = false;
  readonly random: () => number;
  url = "";
  /** How many connections came to it. */
  connections = 0;
  private readonly up = new Way();
  readonly down = new Way();
  private readonly open = new Set<Socket>();
  private readonly listener: Listener;

  private constructor(target: URL, random: () => number) {
    this.random = random;
    this.listener = createServer({ allowHalfOpen: true }, (near) => {
      this.connections += 1;
      const far = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true });
      for (const socket of [near, far]) {
        socket.setNoDelay(true);
        this.open.add(socket);
        socket.once("close", () => this.open.delete(socket));
      }
      const ready = this.connected();
      new Pipe(near, far, this.up, this, ready);
      new Pipe(far, near, this.down, this, ready);
    });
  }

  static async to(url: string, random: () => number): Promise<Link> {
    const link = new Link(new URL(url), random);
    await new Promise<void>((listening) => link.listener.listen(0, "127.0.0.1", listening));
    link.url = `http://127.0.0.1:${(link.listener.address() as AddressInfo).port}`;
    return link;
  }

  /** A connection has come about when its first packet was answered. */
  private connected(): number {
    const now = performance.now();
    if (this.shape === undefined) return now;
    return this.down.arrival(40, this.up.arrival(40, now, this.shape, this.random), this.shape, this.random);
  }

  /** What has come to the browser by now. */
  get received(): number {
    return this.down.bytes;
  }

  /** All connections break, as where a phone changes its cell. New ones are taken. */
  cut(): void {
    for (const socket of this.open) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.cut();
    await closed;
  }
}

/** Numbers that look random and are the same in each run: mulberry32. */
export function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
