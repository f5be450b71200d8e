import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundle, temporaryFolder } from "../agent/namespace";
import { testUnless } from "../lab/support";

const folder = temporaryFolder();
const script = join(__dirname, "../../vm/nfs");
/** Set where `vm/nfs up` has been run: in the virtual machine, which is thrown away afterwards. */
const problem =
  process.env["WGC_NFS"] === undefined ? "runs in the virtual machine only: ./wgc test --vm nfs" : undefined;

testUnless(
  problem,
  "registry and agent on an NFSv4.1 mount with EFS's options",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    const program = bundle("tests/vm/programs/nfs.ts", join(folder, "nfs.js"));
    const inside = ["--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", process.execPath];
    const { stdout } = await promisify(execFile)("unshare", [...inside, program, agent, script]);
    process.stderr.write(stdout); // with what was measured
    const steps = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line).step]));
    expect(steps).toEqual([
      "the first key is seen by who looked before",
      "changes are seen through the other mount",
      "two writers take turns",
      "the file server ended and started again",
      "the file server out of reach",
    ]);
  },
  180_000,
);
