// A push service: it takes what the real server sends, checks who says so, and hands on what a browser would decrypt.

import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { createServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Came {
  urgency: string;
  ttl: number;
  /** As the browser would give it to its service worker. */
  body: string;
}

export class PushService {
  private readonly http: HttpServer;
  private readonly keys = createECDH("prime256v1");
  private readonly auth = randomBytes(16);
  /** What a push is handed to; what it throws is the push's answer. */
  onPush: (came: Came) => void = () => {};
  /** What was wrong with pushes that were refused. */
  readonly refused: string[] = [];
  publicKey = "";

  private constructor() {
    this.keys.generateKeys();
    this.http = createServer(async (request, response) => {
      try {
        this.onPush(await this.take(request));
        response.writeHead(201).end();
      } catch (error) {
        this.refused.push(String(error));
        response.writeHead(400).end(String(error));
      }
    });
  }

  static async start(): Promise<PushService> {
    const service = new PushService();
    await new Promise<void>((resolve) => service.http.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** What a browser's subscription says as JSON. */
  get subscription(): { endpoint: string; keys: { p256dh: string; auth: string } } {
    const keys = { p256dh: this.keys.getPublicKey("base64url"), auth: this.auth.toString("base64url") };
    return { endpoint: `${this.origin}/device/1`, keys };
  }

  private async take(request: IncomingMessage): Promise<Came> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    this.checkSender(request.headers.authorization ?? "");
    if (request.headers["content-encoding"] !== "aes128gcm") throw new Error("not aes128gcm");
    const { urgency, ttl } = request.headers;
    return { urgency: String(urgency), ttl: Number(ttl), body: this.open(Buffer.concat(pieces)) };
  }

  /** RFC 8292: a token by ES256 for this service, by the key that the browser was given. */
  private checkSender(authorization: string): void {
    const [, token, key] = /^vapid t=([^,]+), *k=(.+)$/.exec(authorization) ?? [];
    if (token === undefined || key === undefined) throw new Error(`no vapid: ${authorization}`);
    if (key !== this.publicKey) throw new Error("another key than the browser was given");
    const point = Buffer.from(key, "base64url");
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString("base64url"));
    const jwk = { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" };
    const [head, claims, signature] = token.split(".");
    const isRight = verify(
      "sha256",
      Buffer.from(`${head}.${claims}`),
      { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" },
      Buffer.from(signature ?? "", "base64url"),
    );
    if (!isRight) throw new Error("the signature is wrong");
    const { aud, exp } = JSON.parse(Buffer.from(claims ?? "", "base64url").toString()) as { aud: string; exp: number };
    if (aud !== this.origin) throw new Error(`for ${aud}`);
    if (!(exp > Date.now() / 1000 && exp <= Date.now() / 1000 + 86_400)) throw new Error("not for a day at most");
  }

  /** RFC 8291 and 8188, from the browser's side. */
  private open(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const length = body.readUInt8(20);
    const theirs = body.subarray(21, 21 + length);
    const sealed = body.subarray(21 + length);
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.keys.getPublicKey(), theirs]);
    const material = Buffer.from(hkdfSync("sha256", this.keys.computeSecret(theirs), this.auth, info, 32));
    const made = (what: string, bytes: number) =>
      Buffer.from(hkdfSync("sha256", material, salt, Buffer.from(`Content-Encoding: ${what}\0`), bytes));
    const cipher = createDecipheriv("aes-128-gcm", made("aes128gcm", 16), made("nonce", 12));
    cipher.setAuthTag(sealed.subarray(-16));
    const text = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
    return text.subarray(0, text.lastIndexOf(2)).toString();
  }

  close(): Promise<void> {
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(() => resolve()));
  }
}
