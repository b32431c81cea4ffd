// Runs app.ts: Vite reads its types away, as it does for the tests.

import { join } from "node:path";
import { runnerImport } from "vite";

const { module } = await runnerImport(join(import.meta.dirname, "app.ts"), { configFile: false, logLevel: "error" });
await module.main(process.argv.slice(2));
