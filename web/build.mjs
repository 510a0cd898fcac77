// Builds app/ into dist/, as the gateway's --web-dir wants it:
//
//   index.html  ops.html         the pages, for / and /ops; favicon.svg, robots.txt
//   assets/<name>-<hash>.<ext>   what they name; a changed one has another name, so it may be kept for ever
//   <file>.gz                    the same, compressed, where that is smaller
//   manifest.json                every file with its sizes
//
// A page names its parts by relative addresses (src="src/main.ts", href="styles/main.css"): scripts and styles are bundled, anything else
// is copied. The first page must stay small: the build fails when index.html and its assets are past BUDGET. dist/ appears whole, at the
// end: a gateway that starts meanwhile finds the old one.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const app = join(here, "app");
const output = join(here, "dist");
const making = join(here, "dist.new");

/** Bytes, gzipped: what a first visit to / loads. */
const BUDGET = 60 * 1024;
const COMPRESSED = new Set([".html", ".js", ".css", ".svg", ".json", ".txt", ".webmanifest"]);

const files = new Map(); // name in dist -> { bytes, gzip? }

async function put(name, data) {
  const sizes = { bytes: data.length };
  await writeFile(join(making, name), data);
  if (COMPRESSED.has(extname(name))) {
    const small = await promisify(gzip)(data, { level: constants.Z_BEST_COMPRESSION });
    if (small.length < data.length) {
      await writeFile(join(making, `${name}.gz`), small);
      sizes.gzip = small.length;
    }
  }
  files.set(name, sizes);
}

/** Puts it under a name that says its content. */
async function putAsset(name, data) {
  const hash = createHash("sha256").update(data).digest("hex").slice(0, 12);
  const extension = extname(name);
  const hashed = `assets/${basename(name, extension)}-${hash}${extension}`;
  await put(hashed, data);
  return hashed;
}

/** Bundles a script or a style; copies anything else. The name in dist. */
async function makePart(path) {
  if (!/\.(ts|js|css)$/.test(path)) return putAsset(path, await readFile(path));
  const made = await build({
    entryPoints: [path],
    bundle: true,
    minify: true,
    write: false,
    outdir: join(making, "assets"),
    format: "esm",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    loader: { ".svg": "file", ".woff2": "file" },
    assetNames: "[name]-[hash]",
    logLevel: "warning",
  });
  // What the bundle names itself (an icon of a style) is hashed by esbuild.
  const main = made.outputFiles.find((file) => /\.(js|css)$/.test(file.path));
  for (const file of made.outputFiles) {
    if (file !== main) await put(`assets/${basename(file.path)}`, Buffer.from(file.contents));
  }
  return putAsset(basename(main.path), Buffer.from(main.contents));
}

const parts = new Map(); // path -> name in dist

async function makePage(name) {
  let html = await readFile(join(app, name), "utf8");
  const named = [];
  for (const [attribute, , address] of html.matchAll(/\b(src|href)="([^"/#:][^":]*)"/g)) {
    const path = resolve(app, address);
    if (!parts.has(path)) parts.set(path, await makePart(path));
    named.push(parts.get(path));
    html = html.replaceAll(attribute, attribute.replace(address, `/${parts.get(path)}`));
  }
  await put(name, Buffer.from(html));
  return named;
}

await rm(making, { recursive: true, force: true });
await mkdir(join(making, "assets"), { recursive: true });
const pages = (await readdir(app)).filter((name) => name.endsWith(".html")).sort();
for (const name of ["favicon.svg", "robots.txt"]) {
  if (existsSync(join(app, name))) await put(name, await readFile(join(app, name)));
}
let first = 0;
for (const name of pages) {
  const loaded = [...(await makePage(name)), name];
  const small = loaded.reduce((sum, part) => sum + (files.get(part).gzip ?? files.get(part).bytes), 0);
  console.log(`${name}: ${loaded.length} files, ${(small / 1024).toFixed(1)} KiB gzipped`);
  if (name === "index.html") first = small;
}
if (first === 0 || first > BUDGET) {
  console.error(first === 0 ? "app/index.html is missing" : `index.html is too large: ${first} bytes gzipped of ${BUDGET}`);
  process.exit(1);
}
const manifest = { files: Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1))) };
await writeFile(join(making, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await rm(output, { recursive: true, force: true });
await rename(making, output);
