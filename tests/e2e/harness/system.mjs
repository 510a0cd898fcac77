// The running Freshet behind the page: starts stack.py and asks it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { eventually } from "./waiting.mjs";

export class System {
  #child;
  #asked = new Map();
  #number = 0;

  /** PostgreSQL, NATS, a materializer, and `gateway`: one that no test may harm. */
  static async start() {
    const system = new System();
    system.#child = spawn("/usr/bin/python3", [fileURLToPath(new URL("stack.py", import.meta.url))], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface({ input: system.#child.stdout }).on("line", (line) => system.#answered(JSON.parse(line)));
    system.#child.on("exit", (code) => system.#ended(code));
    system.#child.stdin.on("error", () => {}); // it has gone, of which its exit tells
    try {
      system.gateway = await system.addGateway();
      system.adminToken = await system.ask("secret");
    } catch (error) {
      system.#child.stdin.end();
      throw error;
    }
    return system;
  }

  #answered({ n, value, error }) {
    const { resolve, reject } = this.#asked.get(n);
    this.#asked.delete(n);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }

  #ended(code) {
    for (const { reject } of this.#asked.values()) reject(new Error(`the system under test ended with ${code}`));
    this.#asked.clear();
  }

  ask(verb, request = {}) {
    const n = ++this.#number;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) {
        reject(new Error(`the system under test has ended with ${this.#child.exitCode}`));
        return;
      }
      this.#asked.set(n, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ n, do: verb, ...request })}\n`);
    });
  }

  /** One more, for a test that wants to harm it, or other settings (pkg/config/settings.def, by member name). */
  async addGateway(settings = {}) {
    return new Gateway(this, await this.ask("gateway", settings));
  }

  /** An address behind which gateways may take turns. */
  async addFront(gateway) {
    return new Front(this, await this.ask("front", { gateway: gateway.name }));
  }

  /** Every event is worked off: feeds are complete, live messages sent. */
  settled() {
    return this.ask("settled");
  }

  logs() {
    return this.ask("tails");
  }

  /** Stops all of it; fails if a process does not end well. */
  async close() {
    try {
      await this.ask("close");
    } finally {
      this.#child.stdin.end();
    }
    await eventually(() => this.#child.exitCode !== null, "end of stack.py");
  }
}

class Gateway {
  #system;

  constructor(system, { name, url }) {
    this.#system = system;
    this.name = name;
    this.url = url;
  }

  /** SIGKILL. */
  kill() {
    return this.#system.ask("kill", { gateway: this.name });
  }

  /** Starts it again, at the same address; returns when it is ready. */
  start() {
    return this.#system.ask("start", { gateway: this.name });
  }

  /** SIGTERM; returns when its drain has begun. */
  drain() {
    return this.#system.ask("terminate", { gateway: this.name });
  }

  /** Its end by itself. */
  ended() {
    return eventually(async () => !(await this.#system.ask("is_running", { gateway: this.name })), `end of ${this.name}`);
  }
}

class Front {
  #system;

  constructor(system, { name, url }) {
    this.#system = system;
    this.name = name;
    this.url = url;
  }

  /** New connections go to that gateway. */
  point(gateway) {
    return this.#system.ask("point", { front: this.name, gateway: gateway.name });
  }

  /** Breaks every connection, without a word. */
  cut() {
    return this.#system.ask("cut", { front: this.name });
  }
}
