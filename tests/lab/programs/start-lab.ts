/** `start-lab PROJECT NAME PLAN.json [BOOT]`: starts a lab with its servers, prints the process id of its outermost process, and waits. */
import { readFileSync } from "node:fs";
import type { BootImage } from "../../../lab/boot/image";
import { enterLab } from "../../../lab/enter";
import type { Plan } from "../../../plan";

async function main([project = "", name = "", plan = "", boot]: readonly string[]): Promise<void> {
  const lab = await enterLab(name, JSON.parse(readFileSync(plan, "utf8")) as Plan, {
    project,
    detached: false,
    replaceUnhealthy: false,
    ...(boot === undefined ? {} : { boot: JSON.parse(boot) as BootImage }),
  });
  await lab.client.call("up");
  process.stdout.write(`${lab.process.pid}\n`);
}

void main(process.argv.slice(2));
