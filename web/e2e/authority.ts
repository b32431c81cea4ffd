// An authority of one's own, as a closed network has one: a certificate for the server, and a home of a person whose
// browser trusts it, the way an administrator would do it.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class Authority {
  readonly cert: string;
  readonly key: string;
  /** The authority's own certificate, for those who call the server without a browser. */
  readonly ca: string;
  /** A home whose store of certificates trusts the authority. */
  readonly home: string;

  constructor(folder: string) {
    const file = (name: string) => join(folder, name);
    const openssl = (...words: string[]) => execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
      ...["req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30"],
      ...["-subj", "/CN=Crewline test authority", "-addext", "keyUsage=critical,keyCertSign"],
    );
    openssl("req", "-new", ...key, "-keyout", "crew.key", "-out", "crew.csr", "-subj", "/CN=crewline");
    writeFileSync(file("crew.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n");
    openssl(
      ...["x509", "-req", "-in", "crew.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "30", "-extfile", "crew.ext", "-out", "crew.pem"],
    );
    this.cert = file("crew.pem");
    this.key = file("crew.key");
    this.ca = readFileSync(file("ca.pem"), "utf8");
    this.home = file("home");
    const store = join(this.home, ".pki/nssdb");
    mkdirSync(store, { recursive: true });
    const certutil = (...words: string[]) =>
      execFileSync("certutil", ["-d", `sql:${store}`, ...words], { stdio: "pipe" });
    certutil("-N", "--empty-password");
    certutil("-A", "-t", "C,,", "-n", "Crewline test authority", "-i", file("ca.pem"));
  }
}
