import type { Cluster, Workshop } from "../bench/cluster";
import { revision } from "../bench/machine";
import { checkMachine } from "../lab/machine-check";
import { say } from "./output";
import { ensurePrograms } from "./system-packages";

/** A place to work in, after this machine was found fit; whoever is interrupted leaves no lab behind. */
export async function openWorkshop(project: string, yes: boolean): Promise<Workshop> {
  await revision(project); // the one that begins here
  const tools = await ensurePrograms({ project, yes, optional: false });
  await checkMachine();
  let latest: Cluster | undefined;
  const interrupted = async (): Promise<void> => {
    await latest?.close();
    say("interrupted; the lab is gone");
    process.exit(130);
  };
  process.once("SIGINT", () => void interrupted());
  process.once("SIGTERM", () => void interrupted());
  return {
    project,
    tools,
    say,
    onLab: (cluster) => {
      latest = cluster;
    },
  };
}
