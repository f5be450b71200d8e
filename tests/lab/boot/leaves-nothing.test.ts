import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBootImage } from "../../../lab/boot/image";
import { stackPlan } from "../../support/plans";
import { nothingStaysAfter } from "../nothing-stays";
import { PROJECT, testUnless } from "../support";
import { bootTestProblem, IMAGE_LIMIT, oneServer } from "./support";

testUnless(
  bootTestProblem(),
  "kill -9 of a lab with a booted server leaves nothing behind, no control group either",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "wgc-lab-"));
    try {
      const planFile = join(folder, "plan.json");
      const plan = oneServer(await stackPlan("dev"));
      writeFileSync(planFile, JSON.stringify(plan));
      const boot = await ensureBootImage(PROJECT, () => {});
      const name = `test-nothing-booted-${process.pid}`;
      await nothingStaysAfter({ name, planFile, boot }, (_, outermost) =>
        process.kill(Number(outermost), "SIGKILL"),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  IMAGE_LIMIT,
);
