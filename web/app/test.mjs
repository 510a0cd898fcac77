// Bundles test/*.test.{ts,mjs}, with the sources that they import, into test/built and runs them with node's own test runner.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = join(dirname(fileURLToPath(import.meta.url)), "test");
const built = join(folder, "built");
const names = readdirSync(folder).filter((name) => /\.test\.(ts|mjs)$/.test(name));
rmSync(built, { recursive: true, force: true });
await build({
  entryPoints: names.map((name) => join(folder, name)),
  outdir: built,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2022",
  sourcemap: "inline",
  logLevel: "warning",
});
const files = readdirSync(built).map((name) => join(built, name));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...process.argv.slice(2), ...files], { stdio: "inherit" });
process.exitCode = status ?? 1;
