// Runs the tests of the SDK (its built form) and of the pages (what they import from app/src, bundled), with node's own test runner.
//
//   node test.mjs [--junit FILE] [PATTERN]      PATTERN: only tests whose name matches
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({ options: { junit: { type: "string" } }, allowPositionals: true });

const testsOf = (folder) => (existsSync(folder) ? readdirSync(folder) : []).filter((name) => /\.test\.(ts|mjs)$/.test(name)).map((name) => join(folder, name));

const built = join(here, "app/test/built");
rmSync(built, { recursive: true, force: true });
await build({
  entryPoints: testsOf(join(here, "app/test")),
  outdir: built,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2022",
  sourcemap: "inline",
  logLevel: "warning",
});

// What every browser has and node 18 hides.
const browserly = globalThis.crypto ? [] : ["--experimental-global-webcrypto"];
const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
if (values.junit) reporters.push(`--test-reporter=${join(here, "../tests/e2e/harness/junit.mjs")}`, `--test-reporter-destination=${values.junit}`);
const filter = positionals.length ? [`--test-name-pattern=${positionals[0]}`] : [];
const files = [...testsOf(join(here, "sdk/test")), ...testsOf(built)];
const { status } = spawnSync(process.execPath, ["--enable-source-maps", ...browserly, "--test", ...reporters, ...filter, ...files], { stdio: "inherit" });
process.exitCode = status ?? 1;
