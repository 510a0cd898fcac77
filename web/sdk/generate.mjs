// Writes src/gen anew from ../../proto: protoc with @bufbuild/protoc-gen-es.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const proto = join(here, "../../proto");
const output = join(here, "src/gen");

/** The nearest one that is installed. */
function generator() {
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "node_modules/.bin/protoc-gen-es");
    if (existsSync(path)) return path;
  }
  throw new Error("protoc-gen-es is not installed: run npm ci in web/");
}

try {
  const files = readdirSync(join(proto, "freshet/v1")).filter((name) => name.endsWith(".proto")).sort();
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output);
  execFileSync(process.env.PROTOC || "protoc", [
    `--plugin=protoc-gen-es=${generator()}`,
    `--proto_path=${proto}`,
    `--es_out=${output}`,
    "--es_opt=target=ts,import_extension=js",
    ...files.map((name) => `freshet/v1/${name}`),
  ], { stdio: "inherit" });
} catch (error) {
  console.error(error.code === "ENOENT" ? "protoc is missing: install protobuf-compiler" : error.message);
  process.exitCode = 1;
}
