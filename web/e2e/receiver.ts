// What a webhook posts to: it takes events or refuses them, as it is told.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export class Receiver {
  private readonly server: Server;
  status = 204;
  /** The events that it took, by their numbers. */
  readonly taken: number[] = [];

  private constructor() {
    this.server = createServer(async (request, response) => {
      let text = "";
      for await (const piece of request.setEncoding("utf8")) text += piece;
      if (this.status < 300) this.taken.push((JSON.parse(text) as { seq: number }).seq);
      response.writeHead(this.status).end(this.status < 300 ? "" : "not now");
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/events`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
