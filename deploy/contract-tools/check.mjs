// Reads the committed contracts with the tools of others; exits 1 and says why where one of them has anything to say.
// The committed OpenAPI documents are those that the services serve (`make contracts` and the services' tests check it).
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Parser } from "@asyncapi/parser";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const tool = name => join(here, "node_modules", ".bin", name);
const work = await mkdtemp(join(tmpdir(), "jalsa-contracts-"));
const environment = {
  ...process.env,
  PATH: `${join(root, ".venv", "bin")}:${process.env.PATH}`, // openapi-python-client looks for ruff there
  REDOCLY_TELEMETRY: "off",
  REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
  NO_COLOR: "1",
};
const failures = [];

/** Run a program; what it writes is shown, and counts as a failure, where it fails or `objects` to what it wrote. */
function run(label, command, args, objects = () => false) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: work, env: environment });
    let output = "";
    child.stdout.on("data", part => (output += part));
    child.stderr.on("data", part => (output += part));
    child.on("error", error => (output += error));
    child.on("close", status => {
      const failed = status !== 0 || objects(output);
      console.log(`${failed ? "FAILED" : "ok    "} ${label}`);
      if (failed) failures.push(`${label}\n${output}`);
      resolve();
    });
  });
}

const nameOf = path => basename(path, ".json");
const typesOf = path => join(work, `${nameOf(path)}.ts`);

/** A client in Python for every operation. */
async function pythonClient(path) {
  const target = join(work, nameOf(path));
  const generate = ["generate", "--path", path, "--meta", "none", "--fail-on-warning", "--output-path", target];
  await run(`openapi-python-client ${nameOf(path)}`, join(root, ".venv", "bin", "openapi-python-client"), generate);
  const operations = Object.values(JSON.parse(await readFile(path)).paths)
    .flatMap(item => Object.entries(item).filter(([method]) => method !== "parameters").map(([, one]) => one.operationId));
  const made = (await readdir(join(target, "api"), { recursive: true })).map(name => basename(name, ".py"));
  const missing = operations.filter(id => !made.includes(id));
  if (missing.length) failures.push(`openapi-python-client left out operations of ${nameOf(path)}: ${missing.join(", ")}`);
}

/** Types in TypeScript of every document, which compile. */
async function typescript(paths) {
  for (const path of paths) {
    const generate = [path, "-o", typesOf(path)];
    await run(`openapi-typescript ${nameOf(path)}`, tool("openapi-typescript"), generate, text => /warn/i.test(text));
  }
  await run("tsc", tool("tsc"), ["--noEmit", "--strict", ...paths.map(typesOf)]);
}

async function asyncapi(path) {
  const found = await new Parser().parse(await readFile(path, "utf8"));
  const complaints = found.diagnostics; // errors, warnings and hints
  console.log(`${complaints.length || !found.document ? "FAILED" : "ok    "} @asyncapi/parser`);
  if (complaints.length || !found.document) {
    failures.push(`@asyncapi/parser\n${complaints.map(one => `${one.path.join("/")}: ${one.message}`).join("\n")}`);
  }
}

const folder = join(root, "docs", "openapi");
const documents = (await readdir(folder)).filter(name => name.endsWith(".json")).map(name => join(folder, name));
if (documents.length === 0) failures.push(`There is no document in ${folder}.`);
const dirty = text => /You have \d+ (warning|error)/.test(text) || !/valid\./.test(text);
await Promise.all([
  run("redocly lint", tool("redocly"), ["lint", "--extends=recommended", ...documents], dirty),
  typescript(documents).then(() => asyncapi(join(root, "docs", "events", "asyncapi.yaml"))),
]);
await Promise.all([
  run("spectral lint", tool("spectral"), ["lint", "-q", "-F", "hint", "-r", join(here, "spectral.yaml"), ...documents]),
  documents.reduce((before, path) => before.then(() => pythonClient(path)), Promise.resolve()),
]);
await rm(work, { recursive: true, force: true });
if (failures.length) {
  console.error(`\n${failures.join("\n\n")}`);
  process.exit(1);
}
